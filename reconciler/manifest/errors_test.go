package manifest_test

import (
	"errors"
	"strings"
	"testing"

	"cutover/gitops/estate"
	"cutover/reconciler/manifest"
)

// orbitAPI is an input with the names that messages show.
func orbitAPI(t testing.TB, values string) manifest.Input {
	t.Helper()
	return manifest.Input{
		Release: "api", Namespace: "core",
		Charts:       ownCharts(t),
		Values:       []map[string]any{parseValues(t, []byte(values))},
		Files:        []string{"deploy-values/orbit/core/api/values.yaml"},
		Version:      estate.Must(estate.ParseVersion("1.4.2")),
		Capabilities: cluster,
		Service: estate.ServiceID{
			Product:   estate.Must(estate.ParseProductName("orbit")),
			Namespace: estate.Must(estate.ParseNamespaceName("core")),
			Name:      estate.Must(estate.ParseServiceName("api")),
		},
		Stack: estate.Must(estate.ParseStackName("prod")),
	}
}

func TestValuesErrors(t *testing.T) {
	for _, test := range []struct{ name, values, want string }{
		{"typo at the top", "image: a\nreplica: 3", "replica: unknown key"},
		{"typo below", "image: a\nenv: {LOG_LEVEL: {valeu: info}}", "env.LOG_LEVEL.valeu: unknown key: known here are configMap, field, order, resource, secret, value"},
		{"number for a string", "image: a\nenv: {PORT: {value: 80}}", "env.PORT.value: is a number, but must be a string: put it in quotes"},
		{"no map", "image: a\nenv: {A: x}", "env.A: is a string, but must be an object"},
		{"tag in the image", "image: a:1", "image: 'a:1' does not match pattern"},
		{"image missing", "port: 80", "image: missing"},
		{"port out of range", "image: a\nport: 70000", "port: maximum: got 70,000, want 65,535"},
		{"kind", "image: a\nkind: Deploy", "kind: value must be one of 'Deployment', 'StatefulSet', 'DaemonSet', 'CronJob', 'Job'"},
		{"no schedule", "image: a\nkind: CronJob", "schedule: is a null, but must be a string"},
		{"a CronJob has no gateway", "image: a\nkind: CronJob\nschedule: '@daily'\ngateway: {hosts: [x]}", "gateway: cannot be set together with the other values"},
		{"a Deployment has no schedule", "image: a\nschedule: '@daily'", "schedule: cannot be set together with the other values"},
		{"a DaemonSet is not counted", "image: a\nkind: DaemonSet\nreplicas: 2", "replicas: cannot be set together"},
		{"Pod field", "image: a\npodSpec: {affinty: {}}", "podSpec.affinty: unknown key"},
		{"containers have a map of their own", "image: a\npodSpec: {containers: []}", "podSpec.containers: unknown key"},
		{"container field", "image: a\ncontainer: {securityContex: {}}", "container.securityContex: unknown key"},
		{"volume source", "image: a\nvolumes: {v: {secrets: {}}}", "volumes.v.secrets: unknown key"},
		{"mount path", "image: a\nmounts: {data: {volume: v}}", "mounts.data: unknown key"},
		{"volume of a mount", "image: a\nmounts: {/data: {}}", "mounts./data.volume: missing"},
		{"kind of a patch", "image: a\npatches: {Deploymnt: {}}", "patches.Deploymnt: unknown key: known here are AuthorizationPolicy,"},
		{"host", "image: a\nport: 1\ngateway: {hosts: [1]}", "gateway.hosts[0]: is a number, but must be a string: put it in quotes"},
		{"dotted key", "image: a\nlabels: {a.b/c: 1}", `labels."a.b/c": is a number`},
		{"template that calls itself", "image: a\nargs: ['{{ tpl .Values.args . }}']", "args[0]: a template in a value must not call tpl"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := manifest.Render(orbitAPI(t, test.values))
			if err == nil || !strings.Contains(err.Error(), "orbit/core/api prod: values: "+test.want) {
				t.Fatalf("got %v\nwant orbit/core/api prod: values: %s", err, test.want)
			}
			if invalid := (*manifest.ValuesError)(nil); !errors.As(err, &invalid) || len(invalid.Path) == 0 {
				t.Error("no ValuesError with a path can be taken out of it")
			}
		})
	}
}

func TestValuesErrorNamesFileAndAll(t *testing.T) {
	in := orbitAPI(t, "image: a\nreplica: 3")
	in.Values = append(in.Values, parseValues(t, []byte("env: {A: {valeu: x}}")))
	in.Files = append(in.Files, "deploy-values/orbit/core/api/prod-values.yaml")
	_, err := manifest.Render(in)
	want := `orbit/core/api prod: values: env.A.valeu: unknown key: known here are configMap, field, order, resource, secret, value (deploy-values/orbit/core/api/prod-values.yaml)
orbit/core/api prod: values: replica: unknown key (deploy-values/orbit/core/api/values.yaml)`
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

// Some rules need more than a schema: the charts' templates keep them.
func TestChartErrors(t *testing.T) {
	for _, test := range []struct{ name, values, want string }{
		{"two sources", "image: a\nenv: {A: {value: x, field: b}}", "env.A has value and field: give it exactly one of"},
		{"no source", "image: a\ncontainers: {c: {image: b, env: {A: {}}}}", "containers.c.env.A has no source"},
		{"two whole sources", "image: a\nenvFrom: {A: {secret: x, configMap: b}}", "envFrom.A: give it exactly one"},
		{"two volume sources", "image: a\nvolumes: {v: {secret: {}, emptyDir: {}}}", "volumes.v has emptyDir and secret"},
		{"grace", "image: a\nport: 1\npreStopSeconds: 60\nterminationGracePeriodSeconds: 60", "terminationGracePeriodSeconds is 60: it must be more than preStopSeconds, 60"},
		{"autoscaling", "image: a\nautoscaling: {min: 3, max: 2}", "autoscaling.min is 3: it must not be more than autoscaling.max, 2"},
		{"disruption", "image: a\ndisruption: {maxUnavailable: 1, minAvailable: 1}", "disruption: give it exactly one"},
		{"gateway without port", "image: a\ngateway: {hosts: [x]}", "gateway.hosts: there is no port"},
		{"two matches", "image: a\nport: 1\ngateway: {hosts: [x], routes: {r: {exact: /, prefix: /}}}", "gateway.routes.r has exact and prefix"},
		{"port name", "image: a\nport: 1\nports: {http: {port: 2}}", "ports.http: the main port has this name already"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := manifest.Render(orbitAPI(t, test.values))
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "orbit/core/api prod: chart ") {
				t.Errorf("got %v\nwant orbit/core/api prod: chart ...: %s", err, test.want)
			}
		})
	}
}

func TestRenderErrors(t *testing.T) {
	const meta = "apiVersion: v2\nname: own\nversion: 1.0.0\n"
	const object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
	for _, test := range []struct {
		name, want string
		files      map[string]string
	}{
		{"not fetched", "no files", nil},
		{"no Chart.yaml", "Chart.yaml file is missing", map[string]string{"templates/a.yaml": object}},
		{"library", "it is a library chart", map[string]string{"Chart.yaml": meta + "type: library"}},
		{"missing dependency", "dependencies that are not in charts/: other", map[string]string{"Chart.yaml": meta + "dependencies: [{name: other, version: 1.0.0}]"}},
		{"cluster too old", "it wants Kubernetes >=2.0.0, and the cluster is v1.37.2", map[string]string{"Chart.yaml": meta + `kubeVersion: ">=2.0.0"`}},
		{"template syntax", "own/templates/a.yaml:2", map[string]string{"Chart.yaml": meta, "templates/a.yaml": "a:\n{{ if }}"}},
		{"template fails", "own/templates/a.yaml:2:3): because", map[string]string{"Chart.yaml": meta, "templates/a.yaml": "a:\n{{ fail \"because\" }}"}},
		{"no YAML", "YAML parse error on own/templates/a.yaml", map[string]string{"Chart.yaml": meta, "templates/a.yaml": "a: b: c"}},
		{"no kind", "own/templates/a.yaml: a document has no kind", map[string]string{"Chart.yaml": meta, "templates/a.yaml": "stringData: {password: hunter2}"}},
		{"no map", "own/templates/a.yaml", map[string]string{"Chart.yaml": meta, "templates/a.yaml": "[hunter2]"}},
		{"no name", "ConfigMap has no name", map[string]string{"Chart.yaml": meta, "templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: x-}"}},
		{"twice", "core/ConfigMap/x is rendered twice", map[string]string{"Chart.yaml": meta, "templates/a.yaml": object, "templates/b.yaml": strings.Replace(object, "name: x", "name: x, namespace: core", 1)}},
		{"empty", manifest.ErrEmpty.Error(), map[string]string{"Chart.yaml": meta, "templates/NOTES.txt": "notes"}},
		{"foreign schema", "a schema may refer only to itself", map[string]string{"Chart.yaml": meta, "values.schema.json": `{"$ref": "https://example.com/schema.json"}`}},
		{"broken schema", "own/values.schema.json", map[string]string{"Chart.yaml": meta, "values.schema.json": `{`}},
		{"includes without end", "nested reference name: a", map[string]string{"Chart.yaml": meta, "templates/a.yaml": `{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}`}},
		{"templates without end", "exceeded maximum template depth", map[string]string{"Chart.yaml": meta, "templates/a.yaml": `{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}`}},
		{"too much", "its templates give", map[string]string{"Chart.yaml": meta, "templates/a.yaml": `a: {{ repeat 17000000 "x" }}`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := orbitAPI(t, "")
			in.Charts = []estate.Chart{{Name: estate.Must(estate.ParseChartName("own"))}}
			for name, text := range test.files {
				in.Charts[0].Files = append(in.Charts[0].Files, estate.File{Path: name, Data: []byte(text)})
			}
			_, err := manifest.Render(in)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "orbit/core/api prod: ") {
				t.Fatalf("got %v\nwant %s", err, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("the message shows what a Secret may hold:", err)
			}
		})
	}
}
