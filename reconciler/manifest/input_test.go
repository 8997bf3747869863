package manifest_test

import (
	"testing"

	"cutover/gitops/estate"
	"cutover/reconciler/manifest"
)

func TestDigest(t *testing.T) {
	base := func() manifest.Input { return orbitAPI(t, "image: a\nport: 80") }
	same := base()
	if base().Digest() != same.Digest() {
		t.Fatal("equal inputs have different digests")
	}
	same.Stack = estate.Must(estate.ParseStackName("prod2"))
	same.Files = nil
	same.Capabilities.ClusterScoped = nil
	if base().Digest() != same.Digest() {
		t.Error("what only messages and Localize use is part of the digest")
	}
	for name, change := range map[string]func(*manifest.Input){
		"release":       func(in *manifest.Input) { in.Release = "other" },
		"namespace":     func(in *manifest.Input) { in.Namespace = "other" },
		"version":       func(in *manifest.Input) { in.Version = estate.Must(estate.ParseVersion("1.4.3")) },
		"value":         func(in *manifest.Input) { in.Values[0]["port"] = 81.0 },
		"null":          func(in *manifest.Input) { in.Values[0]["port"] = nil },
		"kind of value": func(in *manifest.Input) { in.Values[0]["port"] = "80" },
		"one file more": func(in *manifest.Input) { in.Values = append(in.Values, map[string]any{}) },
		"chart's file":  func(in *manifest.Input) { in.Charts[0].Files[0].Data = []byte("x") },
		"chart's path":  func(in *manifest.Input) { in.Charts[0].Files[0].Path += "x" },
		"chart less":    func(in *manifest.Input) { in.Charts = in.Charts[:1] },
		"Kubernetes":    func(in *manifest.Input) { in.Capabilities.KubeVersion = "v1.30.0" },
		"API":           func(in *manifest.Input) { in.Capabilities.APIVersions = nil },
	} {
		in := base()
		change(&in)
		if in.Digest() == base().Digest() {
			t.Errorf("%s: no part of the digest", name)
		}
	}
}

func TestNewInputReadsValuesAsHelmDoes(t *testing.T) {
	s := estate.Service{
		ServiceID: orbitAPI(t, "").Service,
		Shared:    estate.ValuesFile{Path: "values.yaml", Source: []byte("word: yes\noctal: 0644\nbig: 10000000000")},
	}
	st := estate.ServiceStack{Name: estate.Must(estate.ParseStackName("prod")), Values: estate.ValuesFile{Path: "prod-values.yaml"}}
	in, err := manifest.NewInput(&estate.Estate{}, s, st, estate.Version{}, manifest.Capabilities{})
	if err != nil {
		t.Fatal(err)
	}
	if got := in.Values[0]; len(in.Values) != 1 || got["word"] != true || got["octal"] != 420.0 || got["big"] != 1e10 {
		t.Errorf("got %#v", in.Values)
	}

	s.Shared.Source = []byte("a: [")
	_, err = manifest.NewInput(&estate.Estate{}, s, st, estate.Version{}, manifest.Capabilities{})
	if err == nil || err.Error() != "orbit/core/api prod: values.yaml: error converting YAML to JSON: yaml: line 1: did not find expected node content" {
		t.Errorf("got %v", err)
	}
}

// Whoever makes values with integers in them gets what Helm makes of the same file.
func TestIntegersAreNumbers(t *testing.T) {
	in := orbitAPI(t, "image: a\nport: 8080\nenv: {A: {value: x, order: 3}, B: {value: z}}")
	objects, err := manifest.Render(in)
	if err != nil {
		t.Fatal(err)
	}
	in.Values[0]["port"] = 8080
	in.Values[0]["env"].(map[string]any)["A"].(map[string]any)["order"] = int64(3)
	same, err := manifest.Render(in)
	if err != nil {
		t.Fatal(err)
	}
	if string(printed(t, objects)) != string(printed(t, same)) {
		t.Error("integers render to something else")
	}
	if in.Values[0]["port"] != 8080 {
		t.Error("rendering changed its input")
	}
}
