package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"

	"sigs.k8s.io/yaml"

	"cutover/gitops/estate"
)

// Input is all that a service's objects in a stack are made of.
type Input struct {
	Release   string
	Namespace string
	Charts    []estate.Chart
	// Values are merged in order, as helm merges its -f files: a later one wins, maps are merged, and null takes
	// back a chart's default.
	Values []map[string]any
	// Version becomes the value "version". It wins over Values; zero leaves it to them.
	Version      estate.Version
	Capabilities Capabilities

	// Service, Stack and Files are for messages only. Files are the paths of Values, one for each.
	Service estate.ServiceID
	Stack   estate.StackName
	Files   []string
}

// NewInput collects the input of a service in a stack. It fails if a values file cannot be read as Helm reads it.
func NewInput(e *estate.Estate, s estate.Service, st estate.ServiceStack, v estate.Version, caps Capabilities) (Input, error) {
	in := Input{
		Release:      s.Name.String(),
		Namespace:    s.Namespace.String(),
		Charts:       e.Charts,
		Version:      v,
		Capabilities: caps,
		Service:      s.ServiceID,
		Stack:        st.Name,
	}
	for _, f := range s.ValuesFiles(st) {
		// Helm's own parser is used on the text as people wrote it, because Spinnaker bakes the same file with
		// Helm: where YAML parsers differ (yes, 0777, 1e3), Helm's reading is the one that is deployed.
		var values map[string]any
		if err := yaml.Unmarshal(f.Source, &values); err != nil {
			return Input{}, fmt.Errorf("%s: %s: %w", in, f.Path, err)
		}
		in.Values = append(in.Values, values)
		in.Files = append(in.Files, f.Path)
	}
	return in, nil
}

// String names the input in messages: product/namespace/service stack, or the release where there is no service.
func (in Input) String() string {
	if in.Service.Name.IsZero() {
		return in.Namespace + "/" + in.Release
	}
	return in.Service.String() + " " + in.Stack.String()
}

// engineVersion stands for everything in this package and in Helm that has a say in the output.
const engineVersion = "helm v3.22.0, manifest 1"

// Digest identifies the objects that Render gives, in hex: equal digests, equal objects. Names that only messages
// use are no part of it.
func (in Input) Digest() string {
	h := sha256.New()
	writeAll(h, engineVersion, in.Release, in.Namespace, in.Version.String(), in.Capabilities.KubeVersion)
	writeAll(h, in.Capabilities.APIVersions...)
	writeAll(h, fmt.Sprint(len(in.Charts)))
	for _, c := range in.Charts {
		writeAll(h, c.Name.String(), chartDigest(c))
	}
	// %#v writes maps in sorted order, and quotes strings, so that 80 and "80" differ.
	writeAll(h, fmt.Sprintf("%#v", in.Values))
	return hex.EncodeToString(h.Sum(nil))
}

// chartDigest identifies a chart's content, in hex.
func chartDigest(c estate.Chart) string {
	h := sha256.New()
	for _, f := range c.Files {
		writeAll(h, f.Path, string(f.Data))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// writeAll writes each part behind its length, and the number of parts in front, so that no two lists are written
// alike.
func writeAll(h hash.Hash, parts ...string) {
	fmt.Fprintf(h, "%d:", len(parts))
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		h.Write([]byte(p))
	}
}

// mergeValues merges values files as helm does: maps are merged, everything else is replaced, and a null stays, to
// take back the chart's default when the chart's own values come in. Numbers become float64, which is how Helm
// reads them. The result shares nothing with its arguments.
func mergeValues(files []map[string]any) map[string]any {
	out := map[string]any{}
	for _, f := range files {
		mergeInto(out, f)
	}
	return out
}

func mergeInto(dst, src map[string]any) {
	for key, value := range src {
		table, ok := value.(map[string]any)
		if !ok {
			dst[key] = asHelm(value)
			continue
		}
		into, ok := dst[key].(map[string]any)
		if !ok {
			into = map[string]any{}
			dst[key] = into
		}
		mergeInto(into, table)
	}
}

func asHelm(value any) any {
	switch v := value.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	case map[string]any:
		return mergeValues([]map[string]any{v})
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = asHelm(v[i])
		}
		return list
	default:
		return v
	}
}
