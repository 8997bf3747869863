package spinnaker

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
	"helm.sh/helm/v3/pkg/strvals"
	"sigs.k8s.io/yaml"

	"cutover/cmd/internal/lab/spinnaker/spel"
)

// helmKubeVersion is what the helm command v3.22 takes the cluster for unless it is told. As a library it would
// take it for another one.
const helmKubeVersion = "v1.37.0"

// values merges the values files, later ones winning, and sets the overrides over them as Rosco gives them to
// Helm: all in one --set, or --set-string unless they are raw.
func (s *Server) values(ctx context.Context, files []artifact, c bakeConfig) (map[string]any, error) {
	merged := map[string]any{}
	for _, a := range files {
		data, err := s.content(ctx, a)
		if err != nil {
			return nil, fmt.Errorf("failed to fetch helm values file: %w", err)
		}
		var file map[string]any
		if err := yaml.Unmarshal(data, &file); err != nil {
			return nil, fmt.Errorf("values file %s: %w", a.Name, err)
		}
		merged = mergedValues(merged, file)
	}
	if len(c.Overrides) == 0 {
		return merged, nil
	}
	var set []string
	for _, key := range slices.Sorted(maps.Keys(c.Overrides)) {
		set = append(set, key+"="+spel.String(c.Overrides[key]))
	}
	parse := strvals.ParseIntoString
	if c.RawOverrides {
		parse = strvals.ParseInto
	}
	if err := parse(strings.Join(set, ","), merged); err != nil {
		return nil, fmt.Errorf("overrides: %w", err)
	}
	return merged, nil
}

// mergedValues is how Helm merges values files: maps key by key, everything else as a whole.
func mergedValues(base, over map[string]any) map[string]any {
	out := maps.Clone(base)
	for key, value := range over {
		below, isMap := out[key].(map[string]any)
		above, isMapToo := value.(map[string]any)
		if isMap && isMapToo {
			value = mergedValues(below, above)
		}
		out[key] = value
	}
	return out
}

// helmTemplate renders as the command `helm template` does: objects in the order of installation, then hooks.
func helmTemplate(c bakeConfig, ch *chart.Chart, merged map[string]any) ([]byte, error) {
	capabilities := chartutil.DefaultCapabilities.Copy()
	version, err := chartutil.ParseKubeVersion(cmp.Or(c.KubeVersion, helmKubeVersion))
	if err != nil {
		return nil, err
	}
	capabilities.KubeVersion = *version
	if c.APIVersions != "" {
		capabilities.APIVersions = append(capabilities.APIVersions, strings.Split(c.APIVersions, ",")...)
	}
	if err := chartutil.ProcessDependenciesWithMerge(ch, merged); err != nil {
		return nil, err
	}
	release := chartutil.ReleaseOptions{Name: c.OutputName, Namespace: cmp.Or(c.Namespace, "default"), Revision: 1, IsInstall: true}
	values, err := chartutil.ToRenderValues(ch, merged, release, capabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Engine{}.Render(ch, values)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(files, func(name, _ string) bool { return strings.HasSuffix(name, "NOTES.txt") })
	hooks, objects, err := releaseutil.SortManifests(files, capabilities.APIVersions, releaseutil.InstallOrder)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if c.IncludeCRDs {
		for _, crd := range ch.CRDObjects() {
			fmt.Fprintf(&out, "---\n# Source: %s\n%s\n", crd.Filename, crd.File.Data)
		}
	}
	for _, o := range objects {
		fmt.Fprintf(&out, "---\n# Source: %s\n%s\n", o.Name, o.Content)
	}
	for _, h := range hooks {
		fmt.Fprintf(&out, "---\n# Source: %s\n%s\n", h.Path, h.Manifest)
	}
	return out.Bytes(), nil
}
