package secretsync

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"cutover/charts"
	"cutover/gitops/estate"
	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/manifest"
)

var update = flag.Bool("update", false, "write the golden files anew")

const minimal = `
root: k8s-secret/orbit-prod2
image: {tag: 1.4.2}
vault: {address: "https://vault.example.com:8200", kubernetes: {mount: kubernetes-prod2, role: secret-sync}}
`

const allValues = `
root: k8s-secret/orbit-prod2
image: {repository: registry.example.com/cutover, tag: 1.4.2, pullPolicy: Always}
imagePullSecrets: [{name: registry}]
interval: 30s
maxDelete: 10
createNamespaces: true
instance: other
logLevel: debug
vault:
  address: https://vault.example.com:8200
  namespace: team
  ca: {configMap: vault-ca}
  appRole: {roleID: 0a1b, secret: vault-login}
podAnnotations: {prometheus.io/scrape: null, prometheus.io/port: null, team: platform}
nodeSelector: {pool: system}
tolerations: [{key: system, operator: Exists}]
`

// render renders the chart, in order, as typed objects: a field that Kubernetes does not know is an error.
func render(t *testing.T, release, namespace, values string) ([]runtime.Object, []byte, error) {
	t.Helper()
	files, ok := charts.Files("secret-sync")
	if !ok {
		t.Fatal("the chart is not embedded")
	}
	var parsed map[string]any
	if err := yaml.Unmarshal([]byte(values), &parsed); err != nil {
		t.Fatal(err)
	}
	objects, err := manifest.Render(manifest.Input{
		Release: release, Namespace: namespace, Values: []map[string]any{parsed}, Files: []string{"values.yaml"},
		Charts: []estate.Chart{{Name: estate.Must(estate.ParseChartName("secret-sync")), Files: files}},
	})
	if err != nil {
		return nil, nil, err
	}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, json.SerializerOptions{Strict: true})
	var typed []runtime.Object
	var printed bytes.Buffer
	for _, o := range objects {
		text, err := o.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		one, err := runtime.Decode(decoder, text)
		if err != nil {
			t.Fatal(err)
		}
		typed = append(typed, one)
		asYAML, err := yaml.Marshal(o.Object)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&printed, "---\n%s", asYAML)
	}
	return typed, printed.Bytes(), nil
}

// TestChart: what the chart renders is in testdata, for people to read.
func TestChart(t *testing.T) {
	for name, values := range map[string]string{"minimal": minimal, "all": allValues} {
		t.Run(name, func(t *testing.T) {
			objects, got, err := render(t, "secret-sync", "platform", values)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("go test -update writes it anew (-golden +got):\n%s", diff)
			}
			for _, o := range objects {
				if d, ok := o.(*appsv1.Deployment); ok {
					understood(t, d.Spec.Template.Spec.Containers[0].Args)
				}
			}
		})
	}
}

// understood fails the test unless the program knows every argument.
func understood(t *testing.T, args []string) {
	t.Helper()
	cmd := newCommand(func(string) string { return "" }, "")
	if err := cmd.ParseFlags(args); err != nil {
		t.Errorf("the program does not understand its arguments: %v", err)
	}
	if rest := cmd.Flags().Args(); len(rest) > 0 {
		t.Errorf("arguments that are no flags: %v", rest)
	}
}

// TestChartRefuses: values that make no sense are refused before anything is installed.
func TestChartRefuses(t *testing.T) {
	for name, test := range map[string]struct{ values, want string }{
		"no root":             {strings.Replace(minimal, "root:", "instance:", 1), "root"},
		"no tag":              {strings.Replace(minimal, "tag: 1.4.2", "", 1), "tag"},
		"no way to log in":    {strings.Replace(minimal, "role: secret-sync", "", 1), "exactly one of"},
		"two ways to log in":  {strings.Replace(minimal, "role: secret-sync}", "role: secret-sync}, token: {secret: t}", 1), "exactly one of"},
		"AppRole's secret id": {strings.Replace(allValues, ", secret: vault-login", "", 1), "name the Secret with the secret id"},
		"a typo":              {minimal + "\nrot: x\n", "rot"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := render(t, "secret-sync", "platform", test.values)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one that says %q", err, test.want)
			}
		})
	}
}

// TestChartPermitsWhatTheProgramDoes: with the rules of the chart, and no others, the program does all that it does.
func TestChartPermitsWhatTheProgramDoes(t *testing.T) {
	b := newBench(t, labtest.New)
	release, absent := labtest.Unique(t), labtest.Unique(t)
	objects, _, err := render(t, release, b.namespace, minimal+"createNamespaces: true\n")
	if err != nil {
		t.Fatal(err)
	}
	roles := b.kube.RbacV1()
	for _, o := range objects {
		switch o := o.(type) {
		case *corev1.ServiceAccount:
			_, err = b.kube.CoreV1().ServiceAccounts(b.namespace).Create(t.Context(), o, metav1.CreateOptions{})
		case *rbacv1.ClusterRole:
			_, err = roles.ClusterRoles().Create(t.Context(), o, metav1.CreateOptions{})
			t.Cleanup(func() { _ = roles.ClusterRoles().Delete(t.Context(), o.Name, metav1.DeleteOptions{}) })
		case *rbacv1.ClusterRoleBinding:
			_, err = roles.ClusterRoleBindings().Create(t.Context(), o, metav1.CreateOptions{})
			t.Cleanup(func() { _ = roles.ClusterRoleBindings().Delete(t.Context(), o.Name, metav1.DeleteOptions{}) })
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c := b.config
	c.REST = rest.CopyConfig(c.REST)
	c.REST.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + b.namespace + ":" + release}
	c.CreateNamespaces = true
	t.Cleanup(func() { _ = b.kube.CoreV1().Namespaces().Delete(t.Context(), absent, metav1.DeleteOptions{}) })
	b.put(t, b.namespace+"/api", map[string]any{"k": "1"})
	b.put(t, b.namespace+"/gone", map[string]any{"k": "1"})
	b.put(t, absent+"/api", map[string]any{"k": "1"})
	eventually(t, "the rules are in force", func() bool {
		k, err := newCluster(c.REST, c.Instance, c.Root)
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.namespaces(t.Context())
		return err == nil
	})
	b.start(t, c)
	b.ok(t)
	b.put(t, b.namespace+"/api", map[string]any{"l": "2"})
	b.drop(t, b.namespace+"/gone")
	b.ok(t)
	b.wantHeld(t, "api", map[string]string{"l": "2"})
	if b.get(t, "gone") != nil {
		t.Error("it was not deleted")
	}
	b.count(t, absent, Synced, 1)
}
