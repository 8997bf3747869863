package manifest_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"cutover/gitops/estate"
	"cutover/reconciler/manifest"
	"cutover/reconciler/manifest/manifesttest"
)

var cluster = manifest.Capabilities{
	KubeVersion:   "v1.37.2",
	APIVersions:   []string{"networking.istio.io/v1", "networking.istio.io/v1/Gateway", "security.istio.io/v1"},
	ClusterScoped: []string{"ClusterRole.rbac.authorization.k8s.io", "Namespace"},
}

// TestHelm renders charts of many styles, and finds what the real command gives.
func TestHelm(t *testing.T) {
	helm := manifesttest.NewHelm(t)
	archives, err := filepath.Glob("testdata/charts/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no charts:", err)
	}
	for _, archive := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(archive), ".txtar"), func(t *testing.T) {
			t.Parallel()
			helm.Compare(t, inputFrom(t, archive))
		})
	}
}

// inputFrom reads a chart and its values files from an archive: chart/ and values/.
func inputFrom(t testing.TB, path string) manifest.Input {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in := manifest.Input{
		Release:      "release",
		Namespace:    "space",
		Version:      estate.Must(estate.ParseVersion("1.10")),
		Capabilities: cluster,
		Charts:       []estate.Chart{{Name: estate.Must(estate.ParseChartName("tested"))}},
	}
	for _, f := range archive.Files {
		if name, ok := strings.CutPrefix(f.Name, "chart/"); ok {
			in.Charts[0].Files = append(in.Charts[0].Files, estate.File{Path: name, Data: f.Data})
			continue
		}
		var values map[string]any
		if err := yaml.Unmarshal(f.Data, &values); err != nil {
			t.Fatal(err)
		}
		in.Values = append(in.Values, values)
		in.Files = append(in.Files, f.Name)
	}
	return in
}
