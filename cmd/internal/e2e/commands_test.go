package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"cutover/gitops/estate"
	"cutover/reconciler/contract/labtest"
)

// later are the steps of the phases after deploy.
const later = `  · step 8  freeze  Freeze: developers deploy no more
  · step 9  freeze  Bring over what changed since
  · step 10  freeze  Deploy again at the versions that the old cluster runs
  · step 11  freeze  The new B talks to the old C
  · step 12  freeze  Final test
  · step 13  canary  Silence the old cluster's alarms
  · step 14  canary  Canary at the edge
  · step 15  canary  All traffic to the new cluster
`

// TestCommands looks at a migration with plan, drift and status, as it goes from nothing to phase deploy. The commands
// read the configuration that docs/configuration.md shows, so this proves the example, too.
func TestCommands(t *testing.T) {
	p := newPlace(t, nil)
	c := commands{p, exampleConfig(t, p)}

	c.check(t, 0, "status", "no migration has begun: there is no branch migration/*\n")
	c.check(t, 0, "plan --exit-code -o json", "[]\n")

	p.mark(t, estate.Prepare)
	c.check(t, 3, "plan --exit-code", `
migration/move at COMMIT, marker prepare
  do (secrets-pending): 2 keys of 2 secrets in the copy are not as they should be: PRODUCT-core/api-db, PRODUCT-core/api-match
  step 2  copy-secrets  orbit-prod2  2 keys of 2 secrets in the copy are not as they should be: PRODUCT-core/api-db, PRODUCT-core/api-match; whether secret-sync may read the copy is not checked, as the daemon's configuration has no vault.syncRoles  undo: nothing to do: what the copy held stays in Vault as an older version
`)
	c.check(t, 3, "drift --exit-code", `
migration/move at COMMIT, marker prepare
  do (secrets-pending): 2 keys of 2 secrets in the copy are not as they should be: PRODUCT-core/api-db, PRODUCT-core/api-match

orbit-prod: to be brought over, by step 9 at the latest

  SECRET  KEY  THE COPY
  PRODUCT-core/api-db  password  lacks it
  PRODUCT-core/api-match  MATCH_ADDR  lacks it

  PIPELINE  STATE
  api/deploy-prod2  does not exist
  match/deploy-prod2  does not exist
  profile/deploy-prod2  does not exist
  reminder/deploy-prod2  does not exist
  search/deploy-prod2  does not exist
  sender/deploy-prod2  does not exist

  GENERATED FILE  STATE
  deploy-values/PRODUCT/PRODUCT-core/api/prod2-values.yaml  missing
  deploy-values/PRODUCT/PRODUCT-core/match/prod2-values.yaml  missing
  deploy-values/PRODUCT/PRODUCT-core/profile/prod2-values.yaml  missing
  deploy-values/PRODUCT/PRODUCT-core/search/prod2-values.yaml  missing
  deploy-values/PRODUCT/PRODUCT-push/reminder/prod2-values.yaml  missing
  deploy-values/PRODUCT/PRODUCT-push/sender/prod2-values.yaml  missing
  migrations/move/stacks.yaml  missing

nothing to compare in the new cluster: no service is deployed as git has it
`)

	d := p.start(t)
	p.await(t, d, "phase prepare is complete", complete(estate.Prepare))
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	c.check(t, 0, "plan --exit-code", `
migration/move at COMMIT, marker prepare
  advance (complete): every step up to prepare that cutover does is done and healthy
`)
	c.check(t, 0, "status", `
migration/move at COMMIT, marker prepare
  advance (complete): every step up to prepare that cutover does is done and healthy
  ✓ step 1  prepare  The new cluster is there, with its infrastructure and room  6 of 6
  ✓ step 2  prepare  Copy the secrets  2 of 2
  ✓ step 3  prepare  Write the new stack's values
  ✓ step 4  prepare  Let the new nodes assume the roles
  ✓ step 5  prepare  Add the new stack and its pipelines  6 of 6
  · step 6  deploy  Deploy every A, then C, then B to the new cluster
  · step 7  deploy  Test the new cluster
`+later)

	p.mark(t, estate.Deploy)
	d = p.start(t)
	p.await(t, d, "phase deploy is complete", complete(estate.Deploy))
	c.awaitNoDrift(t)
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	c.check(t, 0, "status", `
migration/move at COMMIT, marker deploy
  advance (complete): every step up to deploy that cutover does is done and healthy
  ✓ step 1  prepare  The new cluster is there, with its infrastructure and room  6 of 6
  ✓ step 2  prepare  Copy the secrets  2 of 2
  ✓ step 3  prepare  Write the new stack's values
  ✓ step 4  prepare  Let the new nodes assume the roles
  ✓ step 5  prepare  Add the new stack and its pipelines  6 of 6
  ✓ step 6  deploy  Deploy every A, then C, then B to the new cluster  4 of 4
  ✓ step 7  deploy  Test the new cluster
`+later+`
  SERVICE  CLASS  VERSION  READY  EXECUTION  STATUS
  PRODUCT/PRODUCT-core/api  stateful-client  1.0.0  yes  EXECUTION  SUCCEEDED
  PRODUCT/PRODUCT-core/match  singleton  1.1.0  yes  EXECUTION  SUCCEEDED
  PRODUCT/PRODUCT-core/profile  stateless  1.2.0  yes  EXECUTION  SUCCEEDED
  PRODUCT/PRODUCT-core/search  stateless  1.3.0  yes  EXECUTION  SUCCEEDED
  PRODUCT/PRODUCT-push/reminder  exclusive  1.4.0  -  only in the old cluster until step 19
  PRODUCT/PRODUCT-push/sender  exclusive  1.5.0  -  only in the old cluster until step 19
`)
	c.check(t, 0, "drift --exit-code", `
migration/move at COMMIT, marker deploy
  advance (complete): every step up to deploy that cutover does is done and healthy

orbit-prod: nothing is to be brought over

orbit-prod2: 4 sets, 13 same
  nothing drifted
`)

	editImage(t, p)
	const drifted = `
migration/move at COMMIT, marker deploy
  hold (deploying): PRODUCT/PRODUCT-core/search: PRODUCT-core/Deployment.apps/search: .spec.template.spec.containers[name="search"].image differs

orbit-prod: nothing is to be brought over

PRODUCT-core/search: 1 same, 1 changed
  changed PRODUCT-core/Deployment.apps/search: .spec.template.spec.containers[name="search"].image differs
    --- live
    +++ git
    @@ -1,6 +1,6 @@
     spec:
       template:
         spec:
           containers:
    -  - image: debug.example.com/mine:latest
    +  - image: registry.example.com/PRODUCT/search:1.3.0
             name: search
orbit-prod2: 4 sets, 12 same, 1 changed
`
	c.check(t, 3, "drift --exit-code", drifted)
	c.check(t, 0, "drift", drifted)
	if sets := c.drifted(t); len(sets) != 1 || sets[0] != p.migration.Product.String()+"-core/search" {
		t.Errorf("drift -o json: %q drifted", sets)
	}

	if _, err := p.Push(t.Context(), p.migration.Branch, "A mistake", estate.File{Path: "cutover.yaml", Data: []byte("kind: Estate\n")}); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"status", "plan", "drift", "status -o json"} {
		out, stderr := c.run(t, 1, command)
		if !strings.Contains(out, "cutover.yaml:1: ") {
			t.Errorf("%s does not say what is wrong with the branch:\n%s", command, out)
		}
		if want := "cutover: migration/move is shown as far as it could be read: its error stands above\n"; stderr != want {
			t.Errorf("%s: standard error is %q, want %q", command, stderr, want)
		}
	}
}

// exampleConfig writes the example of docs/configuration.md with the lab's addresses, and returns its path.
func exampleConfig(t *testing.T, p *place) string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	text, _, _ := strings.Cut(rest, "```")
	dir := t.TempDir()
	secret, vault, config := filepath.Join(dir, "webhook-secret"), filepath.Join(dir, "vault-token"), filepath.Join(dir, "config.yaml")
	for _, r := range [][2]string{
		{"http://127.0.0.1:3000/cutover/orbit-values.git", p.URL},
		{"http://127.0.0.1:3000", p.Lab.Git.URL},
		{"http://127.0.0.1:8084", p.Gate},
		{"http://127.0.0.1:8200", p.Lab.Vault.Address},
		{"http://127.0.0.1:9093", p.Lab.Alertmanager.URL},
		{"http://127.0.0.1:9090", p.Lab.Prometheus.URL},
		{"region: eu-central-1", "region: " + p.Lab.AWS.Region + ", endpoint: " + p.Lab.AWS.URL},
		{"old.kubeconfig", p.Lab.Clusters[labtest.Old].Kubeconfig},
		{"new.kubeconfig", p.Lab.Clusters[labtest.New].Kubeconfig},
		{"webhook-secret", secret},
		{"vault-token", vault},
		{"state: /tmp/cutover", "state: " + filepath.Join(p.Dir, "state")},
	} {
		if !strings.Contains(text, r[0]) {
			t.Errorf("the example has no %s", r[0])
		}
		text = strings.ReplaceAll(text, r[0], r[1])
	}
	err = errors.Join(os.WriteFile(config, []byte(text), 0o600), os.WriteFile(secret, []byte("unused"), 0o600), os.WriteFile(vault, []byte(p.Lab.Vault.Token), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CUTOVER_GIT_TOKEN", p.Lab.Git.Token)
	return config
}

// commands are the commands that look at a place.
type commands struct {
	*place
	config string
}

// run runs a command, checks its exit code, and returns its output.
func (c commands) run(t *testing.T, code int, command string) (stdout, stderr string) {
	t.Helper()
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, append(strings.Fields(command), "--config", c.config)...)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("%s: exit code %d, want %d: %s", command, got, code, &complaints)
	}
	return out.String(), complaints.String()
}

var (
	volatile = regexp.MustCompile(`at [0-9a-f]{10}`)
	ulid     = regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{26}\b`)
	padding  = regexp.MustCompile(`(\S)   *`)
)

// check compares a command's output, without what is new in each run, and with columns two blanks apart.
func (c commands) check(t *testing.T, code int, command, want string) {
	t.Helper()
	got, stderr := c.run(t, code, command)
	got = strings.ReplaceAll(got, c.migration.Product.String(), "PRODUCT")
	got = ulid.ReplaceAllString(got, "EXECUTION")
	got = padding.ReplaceAllString(volatile.ReplaceAllString(got, "at COMMIT"), "$1  ")
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s\nwhole output:\n%s", command, diff, got)
	}
	if stderr != "" {
		t.Errorf("%s: standard error: %s", command, stderr)
	}
}

// awaitNoDrift waits until the daemon has marked what Spinnaker deployed.
func (c commands) awaitNoDrift(t *testing.T) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, 2*time.Minute, true, func(context.Context) (bool, error) {
		return len(c.drifted(t)) == 0, nil
	})
	if err != nil {
		t.Fatalf("%v: the daemon's log:\n%s", err, c.log)
	}
}

// drifted are the sets that differ, as drift -o json tells a program.
func (c commands) drifted(t *testing.T) []string {
	t.Helper()
	out, _ := c.run(t, 0, "drift -o json")
	var reports []struct {
		Drift struct {
			Sets []struct {
				Set  string
				Plan struct{ Apply []any }
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &reports); err != nil {
		t.Fatal(err)
	}
	var sets []string
	for _, r := range reports {
		for _, set := range r.Drift.Sets {
			if len(set.Plan.Apply) > 0 {
				sets = append(sets, set.Set)
			}
		}
	}
	return sets
}

// editImage plays somebody with kubectl.
func editImage(t *testing.T, p *place) {
	t.Helper()
	client, err := kubernetes.NewForConfig(labtest.Get(t).REST(t, labtest.New))
	if err != nil {
		t.Fatal(err)
	}
	patch := `{"spec":{"template":{"spec":{"containers":[{"name":"search","image":"debug.example.com/mine:latest"}]}}}}`
	namespace := fmt.Sprintf("%s-core", p.migration.Product)
	_, err = client.AppsV1().Deployments(namespace).Patch(t.Context(), "search", types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
}
