package drift_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"cutover/reconciler/drift"
	"cutover/reconciler/object"
)

// Whatever the format of a text, the credential hunter2 in it is not shown, and "shown" is.
func TestCredentialsInText(t *testing.T) {
	for name, text := range map[string]string{
		"properties":            "db.host=shown\ndb.password=hunter2; and hunter2\ndb.pool=shown\n",
		"spaces":                "password   :   hunter2 hunter2\nshown=1",
		"continued":             "api.key=hunter2,\\\nhunter2\nshown=1",
		"json":                  `{"user": "shown", "password": "hunter2", "host": "shown"}`,
		"json with escapes":     `{"password":"a\"hunter2","host":"shown"}`,
		"json in json":          `{"shown": "{\"password\":\"hunter2\"}"}`,
		"json list":             `{"shown": 1, "tokens": ["hunter2", "hunter2"]}`,
		"json lines":            "{\n  \"password\": \"hunter2\",\n  \"host\": \"shown\"\n}",
		"json number":           `{"shown": 1, "secret": 1hunter2}`,
		"json name and value":   "[{\n  \"name\": \"DB_PASSWORD\",\n  \"value\": \"hunter2\"\n}, {\n  \"name\": \"shown\"}]",
		"json name, one line":   `{"shown":1,"name":"DB_PASSWORD","value":"hunter2"}`,
		"yaml":                  "db:\n  password: hunter2\n  host: shown\n",
		"yaml block":            "db:\n  password: |\n    hunter2\n\n    hunter2\n  host: shown\n",
		"yaml folded":           "password: a\n  hunter2\nhost: shown\n",
		"yaml map":              "secrets:\n  db: hunter2\n  api: hunter2\nhost: shown\n",
		"yaml list":             "tokens:\n- hunter2\n- a: hunter2\nhost: shown\n",
		"yaml name and value":   "- name: DB_PASSWORD\n  value: hunter2\n- name: host\n  value: shown\n",
		"yaml quoted":           "password: 'it''s hunter2' # \"hunter2\nhost: shown",
		"carriage returns":      "password=hunter2\r\nhost=shown\r\n",
		"xml":                   "<host>shown</host>\n<password>hunter2</password>\n",
		"xml attribute":         `<add host="shown" key="DbPassword" value="hunter2"/>`,
		"key words":             "Server=shown;Uid=app;Pwd=hunter2;",
		"libpq":                 "host=shown user=app password='hunter2 hunter2'",
		"redis":                 "port shown\nrequirepass hunter2\nmasterauth hunter2",
		"url":                   "postgres://app:hunter2@shown/db",
		"url with odd signs":    "postgres://app:a/b@hunter2@shown/db",
		"url with a token":      "https://hunter2@shown/repo.git",
		"urls":                  "amqp://a:hunter2@b,amqp://a:hunter2@shown",
		"url's query":           "https://shown/?access_token=hunter2",
		"dsn":                   "app:hunter2@tcp(shown:3306)/db",
		"dsn with odd signs":    "dsn=app:a@hunter2@shown",
		"authorization":         "Host: shown\nAuthorization: Bearer hunter2",
		"bearer":                "curl shown -H 'X-Auth: bearer hunter2'",
		"shell":                 "export HOST=shown DB_PASS=hunter2",
		"default of a variable": "url: shown ${DB_PASSWORD:-hunter2}",
		"private key":           "shown\n-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----\nshown",
		"private key, one line": `{"shown": "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n"}`,
		"half a private key":    "shown\n-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\nhunter2",
		"image":                 "image: shown:1.2@sha256:" + strings.Repeat("0a", 32) + " pw=hunter2",
	} {
		t.Run(name, func(t *testing.T) {
			shown := diffOf(t, map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "x"}, "data": map[string]any{"file": text}})
			if strings.Contains(shown, "hunter2") || !strings.Contains(shown, "shown") {
				t.Errorf("got\n%s", shown)
			}
		})
	}
}

// Fields of any kind hold credentials too, and arguments do.
func TestCredentialsInFields(t *testing.T) {
	for name, text := range map[string]string{
		"argument":            "args: [--shown=1, --db-password=hunter2]",
		"argument after":      "args: [--shown, --db-password, hunter2]",
		"command":             "command: [sh, -c, 'shown --token hunter2']",
		"environment":         "env: [{name: shown, value: 'app:hunter2@host'}, {name: DB_PASS, value: hunter2}]",
		"header":              "headers: {set: {shown: '1', Authorization: 'Bearer hunter2'}}",
		"number":              "{shown: 1, password: 0xhunter2}",
		"image":               "{image: 'registry/token-service:shown', secretName: shown}",
		"binary data":         "{kind: ConfigMap, apiVersion: v1, data: {a: shown}, binaryData: {keystore: aHVudGVyMg==}}",
		"last applied object": "metadata: {name: shown, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{\"a\":\"hunter2\"}'}}",
	} {
		t.Run(name, func(t *testing.T) {
			o := map[string]any{"apiVersion": "example.com/v1", "kind": "Widget"}
			if err := yaml.Unmarshal([]byte(text), &o); err != nil {
				t.Fatal(err)
			}
			if shown := diffOf(t, o); strings.Contains(shown, "hunter2") || strings.Contains(shown, "aHVudGVyMg") || !strings.Contains(shown, "shown") {
				t.Errorf("got\n%s", shown)
			}
		})
	}
}

// diffOf is the diff of an object that is not in the cluster.
func diffOf(t *testing.T, o map[string]any) string {
	t.Helper()
	plan, err := drift.Decide(set, []object.Object{{Object: o}}, object.Live{}, policy)
	if err != nil || len(plan.Apply) != 1 {
		t.Fatalf("got %v, %v", plan, err)
	}
	return plan.Apply[0].Diff
}
