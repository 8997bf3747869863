package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// example is the example of docs/configuration.md.
func example(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	text, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/configuration.md has no example")
	}
	return text
}

// load reads text as the file config.yaml, with the secrets that the example names.
func load(t *testing.T, text string) (Config, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("CUTOVER_GIT_TOKEN", "token-of-the-test")
	for name, data := range map[string]string{"config.yaml": text, "webhook-secret": "secret-of-the-test\n", "vault-token": "vault-of-the-test\n", "empty": "\n"} {
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load("config.yaml")
}

func TestExample(t *testing.T) {
	c, err := load(t, example(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(c.Repository.Token.Reveal()) + " " + string(c.Webhook.Secret.Reveal()); got != "token-of-the-test secret-of-the-test" {
		t.Errorf("secrets are %q", got)
	}
	if got := time.Duration(c.Repository.Poll); got != 2*time.Second {
		t.Errorf("poll is %s", got)
	}
	if len(c.Clusters) != 2 || c.Clusters["orbit-prod2"].Kubeconfig != "new.kubeconfig" {
		t.Errorf("clusters are %v", c.Clusters)
	}
}

// least is the smallest configuration.
const least = `repository: {url: "https://git.example.com/values.git"}
clusters: {old: {}}
spinnaker: {gate: "https://gate.example.com"}
`

// TestDefaults holds the program to what is assumed where nothing is written.
func TestDefaults(t *testing.T) {
	c, err := load(t, least)
	if err != nil {
		t.Fatal(err)
	}
	share := 30
	want := Config{
		Listen: "127.0.0.1:8080", State: "/var/lib/cutover",
		Repository: Repository{
			URL: "https://git.example.com/values.git", Base: "main", Username: "git", Poll: Duration(30 * time.Second),
			Author: Author{"cutover", "cutover@localhost"},
		},
		Clusters:  map[string]Cluster{"old": {}},
		Spinnaker: Spinnaker{Gate: "https://gate.example.com", Email: "cutover@localhost"},
		Drift:     Drift{Schedule: "@every 10m", MaxPrune: &share},
		Log:       Log{"info", "json"},
	}
	if diff := cmp.Diff(want, c, cmp.AllowUnexported(Secret{})); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

func TestBadConfig(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"nothing": {"", `
			config.yaml:1: repository.url: is required
			config.yaml:1: clusters: is required: name at least the two clusters of the migration
			config.yaml:1: spinnaker.gate: is required`},
		"no YAML":            {"listen: [\n", "config.yaml:1: did not find expected node content"},
		"a list":             {"- a\n", "config.yaml:1: this must be a mapping"},
		"two documents":      {least + "---\nlisten: a\n", "config.yaml:4: only one YAML document is read: remove what follows it"},
		"unknown key":        {least + "lisen: a\n", `config.yaml:4: unknown key "lisen"`},
		"unknown key below":  {least + "drift:\n  repare: true\n", `config.yaml:5: unknown key "repare"`},
		"key twice":          {least + "listen: a\nlisten: b\n", `config.yaml:5: mapping key "listen" already defined at line 4`},
		"no mapping":         {least + "drift: 3\n", "config.yaml:4: this must be a mapping"},
		"no number":          {least + "drift: {maxPrune: all}\n", "config.yaml:4: this is no int"},
		"no truth":           {least + "markers:\n  allowPush: perhaps\n", "config.yaml:5: this is no bool"},
		"no address":         {least + "listen: \"8080\"\n", `config.yaml:4: listen: "8080" is no address such as 127.0.0.1:8080`},
		"no URL":             {change("https://git.example.com/values.git", "ftp://git.example.com"), "config.yaml:1: repository.url: is no http, https or ssh URL"},
		"credentials in URL": {change("git.example.com", "me:hunter2@git.example.com"), "config.yaml:1: repository.url: has credentials in it: give them as repository.username and repository.token"},
		"password in URL": {change("https://git.example.com", "ssh://me:hunter2@git.example.com"), `
			config.yaml:1: repository.url: has a password in it: give a key as repository.sshKey
			config.yaml:1: repository.sshKey: is required for ssh
			config.yaml:1: repository.knownHosts: is required for ssh: a file with the server's line of known_hosts`},
		"ssh without a key": {change("https://git.example.com/", "git@git.example.com:"), `
			config.yaml:1: repository.sshKey: is required for ssh
			config.yaml:1: repository.knownHosts: is required for ssh: a file with the server's line of known_hosts`},
		"inline secret":     {repository("token: hunter2"), "config.yaml:3: a secret is written as {env: NAME} or {file: PATH}, never as the value itself"},
		"secret misspelt":   {repository("token: {evn: hunter2}"), "config.yaml:3: a secret is written as {env: NAME} or {file: PATH}, never as the value itself"},
		"secret twice":      {repository("token: {env: HOME, file: empty}"), "config.yaml:3: a secret is written as {env: NAME} or {file: PATH}, never as the value itself"},
		"unset secret":      {repository("token: {env: CUTOVER_TEST_UNSET}"), "config.yaml:3: environment variable CUTOVER_TEST_UNSET is not set, or empty"},
		"no file of secret": {repository("token: {file: nowhere}"), "config.yaml:3: open nowhere: no such file or directory"},
		"empty secret":      {repository("token: {file: empty}"), "config.yaml:3: file empty is empty"},
		"no duration":       {repository("poll: often"), `config.yaml:3: "often" is no duration such as 30s`},
		"short poll":        {repository("poll: 10ms"), "config.yaml:3: repository.poll: 10ms is less than a second"},
		"two at once": {repository("poll: often\n  token: hunter2"), `
			config.yaml:3: "often" is no duration such as 30s
			config.yaml:4: a secret is written as {env: NAME} or {file: PATH}, never as the value itself`},
		"webhook": {least + "webhook:\n  kind: svn\n", `
			config.yaml:4: webhook.secret: is required, so that nobody else can wake the daemon
			config.yaml:5: webhook.kind: is required: github, gitlab, gitea, bitbucket or bitbucket-server`},
		"cluster's name":      {change("old", "Old_One"), `config.yaml:2: clusters.Old_One: cluster name "Old_One" is not a DNS-1123 label: use lower-case letters, digits and '-', starting and ending with a letter or digit`},
		"gate":                {change("https://gate.example.com", "gate.example.com"), "config.yaml:3: spinnaker.gate: is no http or https URL"},
		"ui":                  {change("gate: ", "ui: deck.example.com, gate: "), "config.yaml:3: spinnaker.ui: is no http or https URL"},
		"credentials of gate": {change("gate.example.com", "me:hunter2@gate.example.com"), "config.yaml:3: spinnaker.gate: has credentials in it: give them in the file that spinnaker.spinConfig names"},
		"cron":                {least + "drift:\n  schedule: daily\n", "config.yaml:5: drift.schedule: expected exactly 5 fields, found 1: [daily]"},
		"no percentage":       {least + "drift:\n  maxPrune: 101\n", "config.yaml:5: drift.maxPrune: 101 is no percentage: give 0 to 100"},
		"git host": {section("gitHost: {url: \"https://me:hunter2@git.example.com\", repository: values}"), `
			config.yaml:4: gitHost.kind: is required: github, gitlab, gitea, bitbucket or bitbucket-server
			config.yaml:4: gitHost.token: is required, to open pull requests with
			config.yaml:4: gitHost.url: has credentials in it: give them as gitHost.token
			config.yaml:4: gitHost.repository: "values" is not owner/name`},
		"git host of one's own": {section("gitHost: {kind: gitea, token: {env: CUTOVER_GIT_TOKEN}}"), "config.yaml:4: gitHost.url: is required for gitea"},
		"no way into Vault": {section("vault: {}"), `
			config.yaml:4: vault.address: is required
			config.yaml:4: vault: give exactly one way to log in: token, tokenFile, appRole or kubernetes`},
		"two ways into Vault": {section("vault:\n  address: https://vault.example.com\n  tokenFile: vault-token\n  kubernetes: {mount: k8s}"), `
			config.yaml:4: vault: give exactly one way to log in: token, tokenFile, appRole or kubernetes
			config.yaml:7: vault.kubernetes.role: is required`},
		"half an AppRole": {section("vault:\n  address: https://vault.example.com\n  appRole: {}\n  syncRoles: [secret-sync]"), `
			config.yaml:6: vault.appRole.roleID: is required
			config.yaml:6: vault.appRole.secretID: is required
			config.yaml:7: vault.syncRoles: "secret-sync" is no path of a role, such as auth/kubernetes/role/secret-sync`},
		"AWS elsewhere":                 {section("aws: {endpoint: localhost:5000}"), "config.yaml:4: aws.endpoint: is no http or https URL"},
		"a quota that AWS gives nobody": {section("aws: {policyQuota: 8192}"), "config.yaml:4: aws.policyQuota: 8192 is no quota of AWS: give 2048 to 4096 characters"},
		"less than AWS gives everybody": {section("aws: {policyQuota: 204}"), "config.yaml:4: aws.policyQuota: 204 is no quota of AWS: give 2048 to 4096 characters"},
		"log-ins of alarms": {section("alertmanager: {url: \"http://alarms.example.com\", username: me, token: {file: vault-token}}"), `
			config.yaml:4: alertmanager: give both username and password, or neither
			config.yaml:4: alertmanager: give a token, or username and password, and not both`},
		"Prometheus": {section("prometheus: {url: \"http://me:hunter2@metrics.example.com\"}"), "config.yaml:4: prometheus.url: has credentials in it: give them as prometheus.username and prometheus.password"},
		"no proxies": {section("haproxy: {}"), "config.yaml:4: haproxy.proxies: is required: name every proxy of the fleet"},
		"proxies nowhere": {section("haproxy:\n  proxies:\n    a: 10.0.1.5\n    b: 10.0.1.5:9999\n    c: :9999\n    d: /run/haproxy.sock\n    e: run/haproxy.sock"), `
			config.yaml:6: haproxy.proxies.a: "10.0.1.5" is neither HOST:PORT nor the path of a Unix socket, which begins with /
			config.yaml:8: haproxy.proxies.c: ":9999" is neither HOST:PORT nor the path of a Unix socket, which begins with /
			config.yaml:10: haproxy.proxies.e: "run/haproxy.sock" is neither HOST:PORT nor the path of a Unix socket, which begins with /`},
		"log level":  {least + "log: {level: loud}\n", `config.yaml:4: log.level: "loud" is none of debug, info, warn, error`},
		"log format": {least + "log: {format: xml}\n", `config.yaml:4: log.format: "xml" is none of text, json`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, test.text)
			if err == nil {
				t.Fatal("no error")
			}
			want := []string{"config.yaml cannot be used:"}
			for line := range strings.Lines(strings.TrimSpace(test.want)) {
				want = append(want, strings.TrimSpace(line))
			}
			got := strings.Split(err.Error(), "\n")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("the error shows a secret")
			}
		})
	}
}

func TestNoConfig(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "nowhere.yaml"))
	if err == nil || !strings.HasPrefix(err.Error(), "configuration: ") {
		t.Errorf("got %v", err)
	}
}

func change(from, to string) string { return strings.Replace(least, from, to, 1) }

// section is a configuration with one more section, from line 4.
func section(text string) string { return least + text + "\n" }

// repository is a configuration with one more key of the repository, on line 3.
func repository(key string) string {
	return "repository:\n  url: https://git.example.com/values.git\n  " + key + "\nclusters: {old: {}}\nspinnaker: {gate: \"https://gate.example.com\"}\n"
}

// TestSecretIDIsReadAgain: an AppRole's secret id that is in a file may be rotated, so Vault's adapter gets the file.
func TestSecretIDIsReadAgain(t *testing.T) {
	for where, file := range map[string]string{"{file: vault-token}": "vault-token", "{env: CUTOVER_GIT_TOKEN}": ""} {
		c, err := load(t, least+"vault:\n  address: https://vault.example.com\n  appRole: {roleID: r, secretID: "+where+"}\n")
		if err != nil {
			t.Fatal(err)
		}
		role := c.Systems.Vault.config(slog.New(slog.DiscardHandler)).Auth.AppRole
		if role.SecretIDFile != file || role.SecretID.IsZero() != (file != "") {
			t.Errorf("%s: the file is %q, and the value is given: %t", where, role.SecretIDFile, !role.SecretID.IsZero())
		}
	}
}

// TestPolicyQuota: AWS may have raised it for the account, and who says nothing has the least.
func TestPolicyQuota(t *testing.T) {
	for text, want := range map[string]int{"aws: {}": 2048, "aws: {policyQuota: 4096}": 4096} {
		c, err := load(t, section(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Systems.AWS.PolicyQuota; got != want {
			t.Errorf("%s: the quota is %d, want %d", text, got, want)
		}
	}
}
