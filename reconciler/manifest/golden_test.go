package manifest_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"cutover/charts"
	"cutover/gitops/estate"
	"cutover/reconciler/manifest"
	"cutover/reconciler/manifest/manifesttest"
	"cutover/reconciler/object"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestCharts renders the program's own charts. Each archive holds values files and what they become.
func TestCharts(t *testing.T) {
	helm := manifesttest.NewHelm(t)
	own := ownCharts(t)
	for _, path := range glob(t, "testdata/golden/*.txtar") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			in := manifest.Input{Release: "app", Namespace: "space", Charts: own, Capabilities: cluster, Version: estate.Must(estate.ParseVersion("1.4.2"))}
			archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool {
				if f.Name != "want.yaml" {
					in.Values, in.Files = append(in.Values, parseValues(t, f.Data)), append(in.Files, f.Name)
				}
				return f.Name == "want.yaml" && *update
			})
			objects, err := manifest.Render(in)
			if err != nil {
				t.Fatal(err)
			}
			got := printed(t, objects)
			if *update {
				archive.Files = append(archive.Files, txtar.File{Name: "want.yaml", Data: got})
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want := archive.Files[len(archive.Files)-1].Data
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("differs from %s (-want +got); run go test -update to accept:\n%s", path, diff)
			}
			decodeStrictly(t, objects)
			helm.Compare(t, in)
		})
	}
}

// decodeStrictly fails the test for a field that Kubernetes does not know. Istio's types are not ours to check.
func decodeStrictly(t *testing.T, objects []object.Object) {
	t.Helper()
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, json.SerializerOptions{Strict: true})
	for _, o := range objects {
		if strings.HasSuffix(o.GroupVersionKind().Group, ".istio.io") {
			continue
		}
		text, err := o.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := runtime.Decode(decoder, text); err != nil {
			t.Errorf("%s: %v", object.RefOf(o), err)
		}
	}
}

// ownCharts are the embedded charts, as an estate would name them.
func ownCharts(t testing.TB) []estate.Chart {
	t.Helper()
	var list []estate.Chart
	for _, name := range []string{"workload", "routing"} {
		files, ok := charts.Files(name)
		if !ok {
			t.Fatal("no chart", name)
		}
		list = append(list, estate.Chart{
			Name:  estate.Must(estate.ParseChartName(name)),
			From:  estate.Source{Kind: estate.FromBuiltin, Ref: name},
			Files: files,
		})
	}
	return list
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatal("nothing matches", pattern, err)
	}
	return paths
}

func parseValues(t testing.TB, text []byte) map[string]any {
	t.Helper()
	var values map[string]any
	if err := yaml.Unmarshal(text, &values); err != nil {
		t.Fatal(err)
	}
	return values
}

func printed(t testing.TB, objects []object.Object) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, o := range objects {
		text, err := yaml.Marshal(o.Object)
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString("---\n")
		out.Write(text)
	}
	return out.Bytes()
}
