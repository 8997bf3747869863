package spinnaker

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/util"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/memory"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/contract/labtest"
)

// site is a stand-in on one of the lab's clusters, with a namespace and a repository of its own.
type site struct {
	*Server
	endpoint, namespace, repository string
	access                          *githttp.BasicAuth
}

const testChart = `{{- range $i := until (int .Values.count) }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ $.Release.Name }}-{{ $i }}", namespace: {{ $.Release.Namespace }}, labels: {tier: "{{ $.Values.tier }}"}}
spec:
  replicas: {{ $.Values.replicas }}
  selector: {matchLabels: {app: "{{ $.Release.Name }}-{{ $i }}"}}
  template:
    metadata: {labels: {app: "{{ $.Release.Name }}-{{ $i }}"}}
    spec:
      containers:
        - name: main
          image: "example.com/api:{{ $.Values.version }}"
          envFrom: [{configMapRef: {name: settings}}]
{{- end }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: {{ .Release.Namespace }}}
data: {LEVEL: {{ .Values.level | quote }}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: plain, namespace: {{ .Release.Namespace }}, annotations: {strategy.spinnaker.io/versioned: "false"}}
data: {LEVEL: {{ .Values.level | quote }}}
`

func newSite(t *testing.T) *site {
	t.Helper()
	lab := labtest.Get(t)
	s := &site{
		namespace:  lab.NewNamespace(t, labtest.New),
		repository: lab.NewRepository(t),
		access:     &githttp.BasicAuth{Username: lab.Git.Username, Password: lab.Git.Token},
	}
	s.Server, s.endpoint = serve(t, Config{
		Accounts:  map[string]*rest.Config{"orbit-prod2": lab.REST(t, labtest.New)},
		Artifacts: []ArtifactAccount{{Name: "values", URL: s.repository, Username: lab.Git.Username, Token: lab.Git.Token}},
		Charts: func(name string) ([]estate.File, bool) {
			return []estate.File{
				{Path: "Chart.yaml", Data: []byte("apiVersion: v2\nname: builtin\nversion: 1.0.0\n")},
				{Path: "templates/all.yaml", Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: builtin}\ndata: {kube: {{ .Capabilities.KubeVersion.Version }}}\n")},
			}, name == "builtin"
		},
	})
	return s
}

// push makes the branch hold the files, and returns the commit.
func (s *site) push(t *testing.T, branch string, files map[string]string) string {
	t.Helper()
	tree := memfs.New()
	repo, err := git.Init(memory.NewStorage(), tree)
	if err != nil {
		t.Fatal(err)
	}
	work, err := repo.Worktree()
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range files {
		if err := util.WriteFile(tree, path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := work.Add(path); err != nil {
			t.Fatal(err)
		}
	}
	commit, err := work.Commit("files", &git.CommitOptions{Author: &object.Signature{Name: "test", Email: "test@example.com", When: time.Now()}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := repo.CreateRemote(&config.RemoteConfig{Name: "origin", URLs: []string{s.repository}}); err != nil {
		t.Fatal(err)
	}
	spec := config.RefSpec(fmt.Sprintf("+%s:refs/heads/%s", plumbing.Master, branch))
	if err := repo.Push(&git.PushOptions{RefSpecs: []config.RefSpec{spec}, Auth: s.access}); err != nil {
		t.Fatal(err)
	}
	return commit.String()
}

func chartFiles(more map[string]string) map[string]string {
	files := map[string]string{
		"charts/app/Chart.yaml":          "apiVersion: v2\nname: app\nversion: 1.0.0\n",
		"charts/app/values.yaml":         "count: 1\nreplicas: 1\nlevel: info\ntier: none\n",
		"charts/app/templates/all.yaml":  testChart,
		"charts/app/templates/NOTES.txt": "nothing",
		"values/values.yaml":             "level: debug\nreplicas: 1\n",
		"values/prod2-values.yaml":       "replicas: 2\n",
	}
	maps.Copy(files, more)
	return files
}

// deployStages bake the chart and deploy what comes out, as the program's own template does.
func (s *site) deployStages(name string) []any {
	ref := func(path string) map[string]any {
		return map[string]any{"type": "git/file", "name": path, "reference": s.repository + "/" + path, "version": `${parameters["valuesBranch"]}`}
	}
	chart := map[string]any{"type": "git/repo", "reference": s.repository, "version": `${parameters["valuesBranch"]}`, "metadata": map[string]any{"subPath": "charts/app"}}
	return []any{
		map[string]any{"refId": "bake", "name": "Bake", "type": "bakeManifest", "templateRenderer": "HELM3", "outputName": name, "namespace": s.namespace,
			"overrides": map[string]any{"version": `${parameters["version"]}`},
			"inputArtifacts": []any{
				map[string]any{"account": "values", "artifact": chart},
				map[string]any{"id": "shared"},
				map[string]any{"account": "values", "artifact": ref("values/prod2-values.yaml")},
			},
			"expectedArtifacts": []any{map[string]any{"id": "baked", "matchArtifact": map[string]any{"type": embedded, "name": name}}}},
		map[string]any{"refId": "deploy", "requisiteStageRefIds": []any{"bake"}, "name": "Deploy", "type": "deployManifest", "account": "orbit-prod2", "cloudProvider": "kubernetes",
			"source": "artifact", "manifestArtifactId": "baked", "skipExpressionEvaluation": true, "moniker": map[string]any{"app": "api"}},
	}
}

func (s *site) saveDeploy(t *testing.T, name string) {
	t.Helper()
	save(t, s.endpoint, name, map[string]any{
		"parameterConfig": []any{map[string]any{"name": "version", "required": true}, map[string]any{"name": "valuesBranch", "default": "main"}},
		"expectedArtifacts": []any{map[string]any{"id": "shared", "useDefaultArtifact": true,
			"matchArtifact":   map[string]any{"type": "git/file", "name": "values/values.yaml"},
			"defaultArtifact": map[string]any{"type": "git/file", "reference": s.repository + "/values/values.yaml", "version": `${parameters["valuesBranch"]}`, "artifactAccount": "values"}}},
	}, s.deployStages(name)...)
}

func (s *site) live(t *testing.T, kind schema.GroupVersionKind, name string) *unstructured.Unstructured {
	t.Helper()
	o, err := s.accounts["orbit-prod2"].get(t.Context(), kind, s.namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

var (
	deployments = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	configMaps  = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
)

func parameters(version, branch string) map[string]any {
	return map[string]any{"parameters": map[string]any{"version": version, "valuesBranch": branch}}
}

func field(t *testing.T, o *unstructured.Unstructured, path ...string) any {
	t.Helper()
	value, _, err := unstructured.NestedFieldNoCopy(o.Object, path...)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// container is the first container of a Deployment.
func container(t *testing.T, o *unstructured.Unstructured) map[string]any {
	t.Helper()
	list, _ := field(t, o, "spec", "template", "spec", "containers").([]any)
	first, _ := list[0].(map[string]any)
	return first
}

// applied is when `kubectl apply` last wrote the object.
func applied(t *testing.T, o *unstructured.Unstructured) string {
	t.Helper()
	for _, entry := range o.GetManagedFields() {
		if entry.Manager == applyManager {
			return entry.Time.String()
		}
	}
	t.Fatalf("%s was not written by %s: %v", o.GetName(), applyManager, o.GetManagedFields())
	return ""
}

func TestBakeAndDeploy(t *testing.T) {
	s := newSite(t)
	commit := s.push(t, "main", chartFiles(nil))
	s.saveDeploy(t, "api")
	waitForStatus(t, s.Server, start(t, s.endpoint, "api", parameters("1.10", commit)), pipeline.Succeeded)

	d := s.live(t, deployments, "api-0")
	if replicas := field(t, d, "status", "readyReplicas"); replicas != int64(2) {
		t.Errorf("ready replicas = %v, want 2 from the last values file", replicas)
	}
	if image := container(t, d)["image"]; image != "example.com/api:1.10" { // --set-string: no number
		t.Errorf("image = %v", image)
	}
	from, _ := container(t, d)["envFrom"].([]any)
	if got := fmt.Sprint(from); !strings.Contains(got, "settings-v000") {
		t.Errorf("envFrom = %s, want the versioned name", got)
	}
	for _, marks := range []map[string]string{d.GetAnnotations(), s.live(t, configMaps, "plain").GetAnnotations()} {
		if marks["moniker.spinnaker.io/application"] != "api" || marks["artifact.spinnaker.io/location"] != s.namespace {
			t.Errorf("annotations = %v", marks)
		}
	}
	if labels := d.GetLabels(); labels["app.kubernetes.io/name"] != "api" || labels["app.kubernetes.io/managed-by"] != "spinnaker" {
		t.Errorf("labels = %v", labels)
	}
	before := applied(t, d)
	if level := field(t, s.live(t, configMaps, "settings-v000"), "data", "LEVEL"); level != "debug" {
		t.Errorf("level = %v, want that of the first values file", level)
	}

	// The same again changes nothing; new values make a new version, and fields that are gone are removed.
	waitForStatus(t, s.Server, start(t, s.endpoint, "api", parameters("1.10", commit)), pipeline.Succeeded)
	if after := applied(t, s.live(t, deployments, "api-0")); after != before {
		t.Errorf("a second deployment of the same wrote the object at %s, after %s", after, before)
	}
	second := s.push(t, "next", chartFiles(map[string]string{
		"values/values.yaml":            "level: warn\n",
		"charts/app/templates/all.yaml": strings.Replace(testChart, `, labels: {tier: "{{ $.Values.tier }}"}`, "", 1),
	}))
	waitForStatus(t, s.Server, start(t, s.endpoint, "api", parameters("2.0", "next")), pipeline.Succeeded)
	d = s.live(t, deployments, "api-0")
	if _, left := d.GetLabels()["tier"]; left {
		t.Errorf("commit %s: the label that was dropped is still there", second)
	}
	if got := fmt.Sprint(container(t, d)["envFrom"]); !strings.Contains(got, "settings-v001") {
		t.Errorf("envFrom = %s", got)
	}
}

func TestDeployFails(t *testing.T) {
	s := newSite(t)
	s.push(t, "main", chartFiles(map[string]string{"values/prod2-values.yaml": "count: 1\ntier: [}"}))
	s.push(t, "broken", chartFiles(map[string]string{"charts/app/templates/all.yaml": "{{ fail \"no\" }}"}))
	s.push(t, "refused", chartFiles(map[string]string{"charts/app/templates/all.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Not_A_Name}\n"}))
	s.push(t, "nothing", map[string]string{"README.md": ""})
	s.push(t, "unknown", chartFiles(map[string]string{"charts/app/templates/all.yaml": "apiVersion: example.com/v1\nkind: Nothing\nmetadata: {name: x}\n"}))
	s.saveDeploy(t, "api")
	for branch, want := range map[string]string{
		"main":                  "Bake: values file ",
		"broken":                "Bake: bake of api failed",
		"nothing":               "Bake: failed to fetch helm template",
		"absent":                "branch absent",
		strings.Repeat("1", 40): "commit 1111",
		"refused":               "Deploy: deploy failed for manifest configmap Not_A_Name",
		"unknown":               "Deploy: Nothing x: no matches for kind",
	} {
		t.Run(branch[:4], func(t *testing.T) {
			id := start(t, s.endpoint, "api", parameters("1", branch))
			waitForStatus(t, s.Server, id, pipeline.Terminal)
			x, err := newClient(t, s.endpoint).Execution(t.Context(), id)
			if err != nil || !strings.Contains(x.Reason, want) {
				t.Errorf("reason = %q, %v, want one with %q", x.Reason, err, want)
			}
		})
	}
}

// TestManifestStages deploys text, and works on what was deployed.
func TestManifestStages(t *testing.T) {
	s := newSite(t)
	deployment := func(replicas int) map[string]any {
		var object map[string]any
		text := fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"api","labels":{"who":"${parameters.who}"}},
			"spec":{"replicas":%d,"selector":{"matchLabels":{"app":"api"}},"template":{"metadata":{"labels":{"app":"api"}},"spec":{"containers":[{"name":"main","image":"x:1"}]}}}}`, replicas)
		if err := json.Unmarshal([]byte(text), &object); err != nil {
			t.Fatal(err)
		}
		return object
	}
	stage := func(kind string, fields map[string]any) map[string]any {
		st := map[string]any{"type": kind, "name": kind, "account": "orbit-prod2", "location": s.namespace, "manifestName": "deployment api"}
		maps.Copy(st, fields)
		return st
	}
	run := func(name string, want pipeline.Status, stages ...any) {
		t.Helper()
		save(t, s.endpoint, name, nil, stages...)
		waitForStatus(t, s.Server, start(t, s.endpoint, name, map[string]any{"parameters": map[string]any{"who": "ann"}}), want)
	}
	deploy := stage("deployManifest", map[string]any{"manifests": []any{deployment(1)}, "namespaceOverride": s.namespace})
	run("deploy", pipeline.Succeeded, deploy)
	if who := s.live(t, deployments, "api").GetLabels()["who"]; who != "ann" {
		t.Errorf("who = %q, want the expression's value", who)
	}
	skipping := stage("deployManifest", map[string]any{"manifests": []any{deployment(1)}, "namespaceOverride": s.namespace, "skipExpressionEvaluation": true})
	run("skipping", pipeline.Terminal, skipping) // ${...} is no label
	run("change", pipeline.Succeeded,
		stage("scaleManifest", map[string]any{"replicas": "3"}),
		stage("patchManifest", map[string]any{"patchBody": []any{map[string]any{"metadata": map[string]any{"labels": map[string]any{"patched": "yes"}}}}, "options": map[string]any{"mergeStrategy": "strategic"}}),
		stage("patchManifest", map[string]any{"patchBody": []any{map[string]any{"op": "add", "path": "/metadata/labels/jsoned", "value": "yes"}}, "options": map[string]any{"mergeStrategy": "json"}}),
		stage("disableManifest", nil))
	live := s.live(t, deployments, "api")
	if ready := field(t, live, "status", "readyReplicas"); ready != int64(3) {
		t.Errorf("ready replicas = %v, want 3", ready)
	}
	if labels := live.GetLabels(); labels["patched"] != "yes" || labels["jsoned"] != "yes" {
		t.Errorf("labels = %v", labels)
	}
	run("bad", pipeline.Terminal, stage("patchManifest", map[string]any{"options": map[string]any{"mergeStrategy": "other"}}))
	run("everything", pipeline.Terminal, stage("deleteManifest", map[string]any{"manifestName": "", "kinds": []any{"deployment"}}))
	run("delete", pipeline.Succeeded, stage("deleteManifest", map[string]any{"options": map[string]any{"cascading": true}}))
	if _, err := s.accounts["orbit-prod2"].get(t.Context(), deployments, s.namespace, "api"); err == nil {
		t.Error("it is still there")
	}
	run("delete-again", pipeline.Succeeded, stage("deleteManifest", nil)) // a missing object
	run("deploy-again", pipeline.Succeeded, deploy)
	run("delete-by-label", pipeline.Succeeded, stage("deleteManifest", map[string]any{"manifestName": "", "kinds": []any{"deployment"},
		"labelSelectors": map[string]any{"selectors": []any{map[string]any{"kind": "EQUALS", "key": "who", "values": []any{"ann"}}}}}))
	if _, err := s.accounts["orbit-prod2"].get(t.Context(), deployments, s.namespace, "api"); err == nil {
		t.Error("it is still there")
	}
}

func TestBuiltinChart(t *testing.T) {
	s := newSite(t)
	bake := func(chart string) map[string]any {
		return map[string]any{"refId": "bake", "name": "Bake", "type": "bakeManifest", "templateRenderer": "HELM3", "outputName": "x", "kubeVersion": "v1.30.0",
			"inputArtifacts":    []any{map[string]any{"artifact": map[string]any{"type": "helm/chart", "name": chart}}},
			"expectedArtifacts": []any{map[string]any{"id": "baked", "matchArtifact": map[string]any{"type": embedded}}}}
	}
	deploy := map[string]any{"refId": "deploy", "requisiteStageRefIds": []any{"bake"}, "type": "deployManifest", "account": "orbit-prod2", "source": "artifact",
		"manifestArtifactId": "baked", "namespaceOverride": s.namespace}
	save(t, s.endpoint, "builtin", nil, bake("builtin"), deploy)
	waitForStatus(t, s.Server, start(t, s.endpoint, "builtin", nil), pipeline.Succeeded)
	if kube := field(t, s.live(t, configMaps, "builtin-v000"), "data", "kube"); kube != "v1.30.0" {
		t.Errorf("kube = %v", kube)
	}
	save(t, s.endpoint, "unknown", nil, bake("other"), deploy)
	waitForStatus(t, s.Server, start(t, s.endpoint, "unknown", nil), pipeline.Terminal)
}

// TestManyAtOnce is the load of step 6: all services of a product at once, from one commit.
func TestManyAtOnce(t *testing.T) {
	const services = 54
	s := newSite(t)
	commit := s.push(t, "main", chartFiles(nil))
	for i := range services {
		s.saveDeploy(t, fmt.Sprintf("svc%d", i))
	}
	began := time.Now()
	ids := make([]string, services)
	var all sync.WaitGroup
	for i := range services {
		all.Go(func() { ids[i] = start(t, s.endpoint, fmt.Sprintf("svc%d", i), parameters("1.0", commit)) })
	}
	all.Wait()
	for _, id := range ids {
		waitForStatus(t, s.Server, id, pipeline.Succeeded)
	}
	t.Logf("%d deployments in %s", services, time.Since(began).Round(time.Millisecond))
	if slices.Sort(ids); len(slices.Compact(ids)) != services {
		t.Error("an execution id was given twice")
	}
}
