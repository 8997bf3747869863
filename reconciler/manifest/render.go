package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"

	"cutover/gitops/estate"
	"cutover/reconciler/object"
)

// Bounds of one chart's output: far above what a service needs, far below what hurts.
const (
	maxOutput  = 16 << 20 // bytes
	maxObjects = 10_000
)

// ErrEmpty says that an input renders no object at all. It is never a state to be wished for: applied, it would
// delete everything.
var ErrEmpty = errors.New("the charts render no object: check the values that switch things on")

// helmKubeVersion and helmVersion are what the helm v3.22.0 command takes for granted.
const (
	helmKubeVersion = "v1.37.0"
	helmVersion     = "v3.22.0"
)

// Render gives the objects that `helm template --include-crds` gives for each chart, in install order over all
// charts: definitions of custom resources first, then by kind, then hooks. Lists are taken apart. Two objects with
// one name are an error, and so is an empty result (ErrEmpty).
//
// Templates are programs, and what they may use is bounded only in part: the size of a chart and of its output, and
// how deep includes go. Render charts that somebody reviewed.
//
// Templates are run without a cluster: lookup finds nothing. A template that calls a random function or the clock
// gives other objects each time, and drifts for ever.
func Render(in Input) ([]object.Object, error) {
	return render(in, load)
}

func render(in Input, load func(estate.Chart) (*loaded, error)) ([]object.Object, error) {
	var all output
	for _, c := range in.Charts {
		l, err := load(c)
		if err != nil {
			return nil, fmt.Errorf("%s: chart %s: %w", in, c.Name, err)
		}
		out, err := l.render(in)
		if err != nil {
			return nil, inputError(in, c.Name, err)
		}
		for part := range out {
			all[part] = append(all[part], out[part]...)
		}
	}
	sortByKind(all[objects])
	sortByKind(all[hooks])

	var list []object.Object
	for _, d := range slices.Concat(all[crds], all[objects], all[hooks]) {
		var err error
		if list, err = decode(list, d); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", in, d.source, err)
		}
	}
	if err := check(in, list); err != nil {
		return nil, fmt.Errorf("%s: %w", in, err)
	}
	return list, nil
}

// The parts of a chart's output, in the order in which helm template prints them.
const (
	crds = iota
	objects
	hooks
	parts
)

// output is what one chart renders, or all of them.
type output [parts][]document

// document is a text of YAML, and how Helm sees it.
type document struct {
	source string // the template's path
	kind   string
	text   string
}

// check refuses what could not be applied, or must not be.
func check(in Input, list []object.Object) error {
	if len(list) == 0 {
		return ErrEmpty
	}
	if len(list) > maxObjects {
		return fmt.Errorf("the charts render %d objects: the most is %d", len(list), maxObjects)
	}
	seen := make(map[object.Ref]bool, len(list))
	for _, o := range list {
		ref := object.RefOf(o).Key()
		if ref.Name == "" {
			return fmt.Errorf("an object of kind %s has no name: generateName cannot be applied twice", ref.Kind)
		}
		if ref.Namespace == "" {
			ref.Namespace = in.Namespace // so an object that spells the namespace out is found to be the same
		}
		if seen[ref] {
			return fmt.Errorf("%s is rendered twice: rename one of them", ref)
		}
		seen[ref] = true
	}
	return nil
}

// invalidValues are violations of a schema, all at once.
type invalidValues []*ValuesError

func (e invalidValues) Error() string { return fmt.Sprintf("%d invalid values", len(e)) }

// inputError puts the names of service, stack and chart in front of an error. Values are the same for all charts, so
// a message about them names the file instead of the chart.
func inputError(in Input, chart estate.ChartName, err error) error {
	var invalid invalidValues
	if !errors.As(err, &invalid) {
		return fmt.Errorf("%s: chart %s: %w", in, chart, err)
	}
	lines := make([]error, len(invalid))
	for i, e := range invalid {
		lines[i] = fmt.Errorf("%s: values: %w%s", in, e, in.origin(e.Path))
	}
	return errors.Join(lines...)
}

// origin names the last values file that sets the value at path.
func (in Input) origin(path []string) string {
	if len(path) == 0 {
		return ""
	}
	for i := len(in.Values) - 1; i >= 0 && i < len(in.Files); i-- {
		if holds(in.Values[i], path) {
			return " (" + in.Files[i] + ")"
		}
	}
	return ""
}

func holds(values map[string]any, path []string) bool {
	value, ok := values[path[0]]
	if next, isMap := value.(map[string]any); ok && isMap && len(path) > 1 {
		return holds(next, path[1:])
	}
	return ok
}

// render runs the chart's templates. The order of the steps is that of Helm's own install action.
func (l *loaded) render(in Input) (output, error) {
	c := copyForRender(l.chart)
	values := mergeValues(in.Values)
	if !in.Version.IsZero() {
		values["version"] = in.Version.String()
	}
	if err := chartutil.ProcessDependenciesWithMerge(c, values); err != nil {
		return output{}, err
	}
	caps, err := in.Capabilities.helm()
	if err != nil {
		return output{}, err
	}
	if want := c.Metadata.KubeVersion; want != "" && !chartutil.IsCompatibleRange(want, caps.KubeVersion.Version) {
		return output{}, fmt.Errorf("it wants Kubernetes %s, and the cluster is %s", want, caps.KubeVersion.Version)
	}
	options := chartutil.ReleaseOptions{Name: in.Release, Namespace: in.Namespace, Revision: 1, IsInstall: true}
	top, err := chartutil.ToRenderValuesWithSchemaValidation(c, values, options, caps, true)
	if err != nil {
		return output{}, err
	}
	merged, err := top.Table("Values")
	if err != nil {
		return output{}, err
	}
	if invalid := slices.Concat(l.validate(c, merged.AsMap()), nestedTemplates(nil, merged.AsMap())); len(invalid) > 0 {
		return output{}, invalidValues(invalid)
	}
	files, err := engine.Render(c, top)
	if err != nil {
		return output{}, err
	}
	return collect(c, files)
}

// helm gives the capabilities as `helm template --kube-version --api-versions` would have them: what the cluster
// serves is added to what Helm knows by itself.
func (c Capabilities) helm() (*chartutil.Capabilities, error) {
	caps := chartutil.DefaultCapabilities.Copy()
	text := c.KubeVersion
	if text == "" {
		text = helmKubeVersion
	}
	version, err := chartutil.ParseKubeVersion(text)
	if err != nil {
		return nil, fmt.Errorf("version of the cluster: %w", err)
	}
	caps.KubeVersion = *version
	caps.HelmVersion.Version = helmVersion
	caps.APIVersions = slices.Concat(caps.APIVersions, c.APIVersions)
	return caps, nil
}

// collect takes rendered files apart into documents: notes are dropped, hooks are set apart, each part is in Helm's
// order.
func collect(c *chart.Chart, files map[string]string) (output, error) {
	size := 0
	for name, text := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			delete(files, name)
			continue
		}
		size += len(text)
	}
	if size > maxOutput {
		return output{}, fmt.Errorf("its templates give %d bytes: the most is %d", size, maxOutput)
	}
	hooked, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return output{}, err
	}
	var out output
	for _, d := range c.CRDObjects() {
		out[crds] = append(out[crds], document{source: d.Filename, text: string(d.File.Data)})
	}
	for _, m := range manifests {
		out[objects] = append(out[objects], document{m.Name, m.Head.Kind, m.Content})
	}
	for _, h := range hooked {
		out[hooks] = append(out[hooks], document{h.Path, h.Kind, h.Manifest})
	}
	return out, nil
}

// sortByKind puts documents into install order. The sort is stable: within a kind the charts' order stays.
func sortByKind(documents []document) {
	slices.SortStableFunc(documents, func(a, b document) int {
		return cmp.Or(cmp.Compare(place(a.kind), place(b.kind)), cmp.Compare(unknown(a.kind), unknown(b.kind)))
	})
}

// place is a kind's place in the install order; kinds that Helm does not know come last.
func place(kind string) int {
	if i := slices.Index(releaseutil.InstallOrder, kind); i >= 0 {
		return i
	}
	return len(releaseutil.InstallOrder)
}

// unknown is the kind if Helm does not know it: such kinds are sorted by name.
func unknown(kind string) string {
	if place(kind) < len(releaseutil.InstallOrder) {
		return ""
	}
	return kind
}
