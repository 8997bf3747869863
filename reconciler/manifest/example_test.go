package manifest_test

import (
	"os"
	"path/filepath"
	"testing"

	"cutover/gitops/estate"
	"cutover/reconciler/manifest"
	"cutover/reconciler/manifest/manifesttest"
	"cutover/reconciler/object"
)

// TestExampleValues renders every service of the example in every stack that it has.
func TestExampleValues(t *testing.T) {
	helm := manifesttest.NewHelm(t)
	e := &estate.Estate{Charts: ownCharts(t)}
	units := 0
	for _, file := range glob(t, "../../gitops/values/testdata/example-values/deploy-values/*/*/*/service.yaml") {
		dir := filepath.Dir(file)
		s := estate.Service{
			ServiceID: estate.ServiceID{
				Product:   estate.Must(estate.ParseProductName(filepath.Base(filepath.Dir(filepath.Dir(dir))))),
				Namespace: estate.Must(estate.ParseNamespaceName(filepath.Base(filepath.Dir(dir)))),
				Name:      estate.Must(estate.ParseServiceName(filepath.Base(dir))),
			},
			Shared: valuesFile(t, dir, "values.yaml"),
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		stacks, _ := parseValues(t, text)["stacks"].(map[string]any)
		for stack := range stacks {
			units++
			st := estate.ServiceStack{Name: estate.Must(estate.ParseStackName(stack)), Values: valuesFile(t, dir, stack+"-values.yaml")}
			t.Run(s.Name.String()+" "+stack, func(t *testing.T) {
				t.Parallel()
				in, err := manifest.NewInput(e, s, st, estate.Must(estate.ParseVersion("1.4.2")), cluster)
				if err != nil {
					t.Fatal(err)
				}
				helm.Compare(t, in)
				objects, err := manifest.Render(in)
				if err != nil {
					t.Fatal(err)
				}
				decodeStrictly(t, objects)
			})
		}
	}
	if units != 6 {
		t.Errorf("%d services in stacks, want 6", units)
	}
}

func valuesFile(t *testing.T, dir, name string) estate.ValuesFile {
	t.Helper()
	f := estate.ValuesFile{Path: filepath.Join(dir, name)}
	if text, err := os.ReadFile(f.Path); err == nil {
		f.Source = text
	}
	return f
}

// A cluster whose Istio is older has only the beta version of its API.
func TestOlderIstio(t *testing.T) {
	in := orbitAPI(t, "image: a\nport: 80\ngateway: {hosts: [a.example.com]}")
	in.Capabilities.APIVersions = []string{"networking.istio.io/v1beta1"}
	objects, err := manifest.Render(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if group := o.GroupVersionKind().Group; group == "networking.istio.io" && o.GroupVersionKind().Version != "v1beta1" {
			t.Errorf("%s is of version %s", object.RefOf(o), o.GetAPIVersion())
		}
	}
}
