package charts_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"cutover/charts"
)

var update = flag.Bool("update", false, "copy what the charts share from workload to routing, and write docs/charts.md anew")

// TestFiles: a chart is embedded as it stands on disk, helpers included.
func TestFiles(t *testing.T) {
	if diff := cmp.Diff([]string{"routing", "workload"}, charts.Names()); diff != "" {
		t.Errorf("the charts of services (-want +got):\n%s", diff)
	}
	for _, name := range []string{"workload", "routing", "secret-sync"} {
		files, ok := charts.Files(name)
		if !ok {
			t.Fatalf("%s is not embedded", name)
		}
		var paths []string
		for _, f := range files {
			paths = append(paths, f.Path)
			onDisk, err := os.ReadFile(name + "/" + f.Path)
			if err != nil || string(onDisk) != string(f.Data) {
				t.Errorf("%s/%s: not as on disk: %v", name, f.Path, err)
			}
		}
		if !slices.IsSorted(paths) || !slices.Contains(paths, "templates/_common.tpl") || !slices.Contains(paths, "Chart.yaml") {
			t.Errorf("%s has the files %v", name, paths)
		}
	}
	for _, name := range []string{"", ".", "..", "none", "workload/templates", "charts.go"} {
		if _, ok := charts.Files(name); ok {
			t.Errorf("%q is a chart", name)
		}
	}
}

// TestSharedFiles: both charts are rendered with the same values, so they have the same defaults and schema.
func TestSharedFiles(t *testing.T) {
	for _, file := range []string{"values.yaml", "values.schema.json", "templates/_common.tpl"} {
		source := read(t, "workload/"+file)
		if *update {
			if err := os.WriteFile("routing/"+file, source, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(string(source), string(read(t, "routing/"+file))); diff != "" {
			t.Errorf("routing/%s differs from workload/%s; go test ./charts -update copies it (-workload +routing):\n%s", file, file, diff)
		}
	}
}

// TestEveryValueHasADefault: a null in a values file takes a key out only where the chart's own values have it.
func TestEveryValueHasADefault(t *testing.T) {
	var defaults map[string]any
	if err := yaml.Unmarshal(read(t, "workload/values.yaml"), &defaults); err != nil {
		t.Fatal(err)
	}
	var want []string
	for key := range schema(t)["properties"].(map[string]any) {
		if !slices.Contains([]string{"image", "version", "global"}, key) {
			want = append(want, key)
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(defaults))); diff != "" {
		t.Errorf("-schema +values.yaml:\n%s", diff)
	}
}

// TestKubernetesFields: where a value takes the fields of a Kubernetes type, it takes all of them but those that
// have a value of their own.
func TestKubernetesFields(t *testing.T) {
	properties := schema(t)["properties"].(map[string]any)
	volume := properties["volumes"].(map[string]any)["patternProperties"].(map[string]any)
	for _, test := range []struct {
		name   string
		schema any
		typ    any
		extra  []string
		except []string
	}{
		{"podSpec", properties["podSpec"], corev1.PodSpec{}, nil, []string{"containers", "initContainers", "ephemeralContainers", "volumes", "serviceAccount"}},
		{"container", properties["container"], corev1.Container{}, nil, []string{"name"}},
		{"job", properties["job"], batchv1.JobSpec{}, nil, []string{"selector", "manualSelector", "template", "suspend"}},
		{"volumes", volume["^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"], corev1.VolumeSource{}, []string{"order"}, nil},
	} {
		want := append(fields(reflect.TypeOf(test.typ)), test.extra...)
		want = slices.DeleteFunc(want, func(f string) bool { return slices.Contains(test.except, f) })
		slices.Sort(want)
		got := slices.Sorted(maps.Keys(test.schema.(map[string]any)["properties"].(map[string]any)))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-%T +schema):\n%s", test.name, test.typ, diff)
		}
	}
}

func fields(typ reflect.Type) []string {
	var names []string
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		if name == "" {
			names = append(names, fields(typ.Field(i).Type)...)
			continue
		}
		names = append(names, name)
	}
	return names
}

func schema(t *testing.T) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(read(t, "workload/values.schema.json"), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
