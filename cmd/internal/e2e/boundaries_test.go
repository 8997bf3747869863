package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"
	"github.com/jenkins-x/go-scm/scm"
	"k8s.io/apimachinery/pkg/util/wait"

	"cutover/cmd/internal/app"
	"cutover/cmd/internal/lab/scenario"
	"cutover/gitops/estate"
	"cutover/reconciler/contract/labtest"
	_ "cutover/reconciler/journal" // its database driver
)

// TestCrashAtEveryEffect takes a migration through prepare, deploy and freeze while the daemon is killed at each of its
// writes to any system, before and after it takes effect: nothing is done twice, nothing is lost, and the end is reached.
func TestCrashAtEveryEffect(t *testing.T) {
	t.Parallel()
	w := &tripwire{kinds: map[string]*kind{}}
	l := *labtest.Get(t)
	var m *moving
	leaks, of := newLeaks(), ofGitea(func(r *http.Request) bool { return m != nil && m.isDaemon(r) })
	l.Git.URL = w.before(t, l.Git.URL, nil, func(r *http.Request, body []byte) string { leaks.hear(r, body); return of(r, body) })
	m = newMovingOn(t, l, oneOfEach)
	leaks.of(m)
	m.stretch(t, w)
	begun := time.Now()
	lap := func(what string) {
		t.Logf("%6.1fs %s; the daemon was killed at\n%s", time.Since(begun).Seconds(), what, w)
	}

	m.survives(t, w, "", "prepare")
	lap("prepare is proposed")
	m.survives(t, w, "prepare", "deploy")
	lap("prepare is complete")
	leaks.listen(t, w.alive(t))
	m.survives(t, w, "deploy", "freeze")
	lap("deploy is complete")
	late, err := m.Offer(t.Context(), "developer/late", "main", "Too late", m.changed(t, "main", m.file("api", "values.yaml"), "port: 8080", "port: 8082"))
	if err != nil {
		t.Fatal(err)
	}
	inTime, err := m.Offer(t.Context(), "developer/in-time", "main", "In time", m.changed(t, "main", m.file("profile", "values.yaml"), "port: 8080", "port: 8081"))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Merge(t.Context(), inTime); err != nil {
		t.Fatal(err)
	}
	m.survives(t, w, "freeze", "canary-10")
	lap("freeze is complete")
	if state, _ := m.state(t, m.head(t, late), m.context("frozen")); state != "failure" {
		t.Errorf("the pull request that comes too late is %q", state)
	}
	leaks.listen(t, w.alive(t))
	leaks.ask(t, w.alive(t))
	if _, err := m.Offer(t.Context(), "developer/later", "main", "Later still", m.changed(t, "main", m.file("profile", "values.yaml"), "port: 8081", "port: 8083")); err != nil {
		t.Fatal(err)
	}
	m.survivesTelling(t, w, "freeze", "and 2 open pull requests")
	lap("the announcement is brought up to date")
	if err := w.alive(t).Stop(); err != nil {
		t.Error(err)
	}
	for _, err := range w.errs {
		t.Error(err)
	}
	leaks.search(t)
	m.checkBoundaries(t, w)
	m.checkPipelines(t)
	want := m.once()
	want["profile"]++ // at the freeze, with what main brought
	if diff := cmp.Diff(want, m.executions(t)); diff != "" {
		t.Errorf("executions (-want +got):\n%s", diff)
	}
	m.checkCorrelations(t)
	m.checkCopies(t)
	m.checkTrust(t)
	m.checkSaidOnce(t)
	m.checkJournal(t)
}

// oneOfEach leaves one service of each class.
func oneOfEach(files []estate.File) []estate.File {
	return slices.DeleteFunc(files, func(f estate.File) bool {
		return strings.Contains(f.Path, "/search/") || strings.Contains(f.Path, "/sender/")
	})
}

// survives merges the pull request of a checkpoint, and starts the daemon again and again until everything up to there
// is done, and the pull request of the next one is there with its plan.
func (m *moving) survives(t *testing.T, w *tripwire, checkpoint, next string) {
	t.Helper()
	number := 0
	if checkpoint != "" {
		all, err := m.Reviews(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			if p.Source == "advance/"+m.migration.Name.String()+"/"+checkpoint {
				number = p.Number
			}
		}
		if err := m.Merge(t.Context(), number); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	approved := false
	done := func(r scenario.Report) bool {
		if r.Decision.Reason.Code == "smoke-approval" && !approved {
			approved = true
			if err := m.Say(ctx, number, "/approve devices"); err != nil {
				t.Error(err)
			}
		}
		return standsAt(r) == checkpoint && r.Decision.Kind == "advance" && r.Pass.Done && r.Error == "" && m.isProposed(t, next)
	}
	for {
		d := w.alive(t)
		_, err := d.Await(ctx, m.migration.Branch, done)
		if err == nil {
			return
		}
		if !w.dead(d) || ctx.Err() != nil {
			_ = d.Kill()
			t.Fatalf("waiting until %s is complete: %v\nkilled at\n%s\nthe daemon's log:\n%s", checkpoint, err, w, tail(m.log.String(), 20_000))
		}
	}
}

// survivesTelling starts the daemon again and again until a comment under the pull request of a checkpoint has some words.
func (m *moving) survivesTelling(t *testing.T, w *tripwire, checkpoint, words string) {
	t.Helper()
	all, err := m.Reviews(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(p *scm.PullRequest) bool { return p.Source == "advance/"+m.migration.Name.String()+"/"+checkpoint })
	w.kill(t) // the next one looks at everything anew
	err = wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, 4*time.Minute, true, func(context.Context) (bool, error) {
		d := w.alive(t)
		return len(m.saidOf(t, all[i].Number, words)) > 0 && !w.dead(d), nil
	})
	if err != nil {
		t.Fatalf("waiting until #%d says %q: %v\nthe daemon's log:\n%s", all[i].Number, words, err, tail(m.log.String(), 20_000))
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// isProposed tells whether the pull request of a checkpoint is open, with its plan and a good status.
func (m *moving) isProposed(t *testing.T, checkpoint string) bool {
	t.Helper()
	all, err := m.Reviews(t.Context())
	if err != nil {
		return false
	}
	i := slices.IndexFunc(all, func(p *scm.PullRequest) bool {
		return !p.Closed && p.Source == "advance/"+m.migration.Name.String()+"/"+checkpoint
	})
	if i < 0 || len(m.saidOf(t, all[i].Number, "### Plan: ")) == 0 {
		return false
	}
	state, _ := m.state(t, all[i].Sha, m.context(strings.Split(checkpoint, "-")[0]))
	return state == "success"
}

// checkBoundaries checks that the wire was where it should be.
func (m *moving) checkBoundaries(t *testing.T, w *tripwire) {
	t.Helper()
	for what, least := range map[string]int{
		"Gate: application": 0, "Gate: pipeline": 8, "Gate: start of a pipeline": 4, "Vault: secret": 2, "IAM: role": 1,
		"Gitea: push": 5, "Gitea: pull request": 4, "Gitea: comment": 4, "Gitea: status": 1, "Gitea: edit of a comment": 1,
		"Kubernetes: object of the new cluster": 3,
	} {
		k := w.kinds[what]
		if k == nil {
			k = &kind{}
		}
		if k.after < least || k.before < k.after {
			t.Errorf("%s: killed %d times before and %d times after, want at least %d", what, k.before, k.after, least)
		}
	}
	if w.kinds["Kubernetes: object of the old cluster"] != nil {
		t.Error("the daemon wrote to the old cluster")
	}
}

// checkCorrelations checks that no correlation id has two executions.
func (m *moving) checkCorrelations(t *testing.T) {
	t.Helper()
	for _, s := range m.estate.Services {
		var list []struct {
			Trigger struct{ CorrelationID string }
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.Gate+"/applications/"+url.PathEscape(s.Name.String())+"/pipelines?limit=100", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		err = json.NewDecoder(answer.Body).Decode(&list)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, x := range list {
			id := x.Trigger.CorrelationID
			if id == "" || seen[id] {
				t.Errorf("%s was executed twice for %q", s.Name, id)
			}
			seen[id] = true
		}
	}
}

// checkCopies compares every secret of the copy with the original.
func (m *moving) checkCopies(t *testing.T) {
	t.Helper()
	vault, err := m.Vault()
	if err != nil {
		t.Fatal(err)
	}
	read := func(root, path string) map[string]any {
		mount, prefix, _ := strings.Cut(root, "/")
		secret, err := vault.KVv2(mount).Get(t.Context(), prefix+"/"+path)
		if err != nil {
			t.Fatal(err)
		}
		return secret.Data
	}
	from, _ := m.estate.Cluster(m.migration.From.Cluster)
	to, _ := m.estate.Cluster(m.migration.To.Cluster)
	for _, name := range []string{"api-db", "api-match"} {
		original, copied := read(from.Secrets, m.core()+"/"+name), read(to.Secrets, m.core()+"/"+name)
		if name == "api-match" {
			original["MATCH_ADDR"] = "match.old.example.com:7000" // step 11
		}
		if !maps.Equal(original, copied) { // not shown: they are secrets
			t.Errorf("the copy of %s is another one", name)
		}
	}
}

// checkTrust checks that the role trusts the new nodes once, and the old ones as before.
func (m *moving) checkTrust(t *testing.T) {
	t.Helper()
	role, err := m.IAM().GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String(m.migration.Trust.Roles[0])})
	if err != nil {
		t.Fatal(err)
	}
	policy, err := url.QueryUnescape(aws.ToString(role.Role.AssumeRolePolicyDocument))
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{m.migration.Trust.Principal, "role/nodes.old"} {
		if n := strings.Count(policy, who); n != 1 {
			t.Errorf("the trust policy names %s %d times: %s", who, n, policy)
		}
	}
}

// checkSaidOnce checks that there is one pull request of each branch, and one comment of each kind under it.
func (m *moving) checkSaidOnce(t *testing.T) {
	t.Helper()
	all, err := m.Reviews(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range all {
		said := map[string]bool{"": true}
		for _, body := range m.saidOf(t, p.Number, "") {
			mark, _, _ := strings.Cut(strings.TrimSpace(body), "\n")
			if said[mark] {
				t.Errorf("#%d has two comments %s", p.Number, mark)
			}
			said[mark] = true
		}
		if seen[p.Source] {
			t.Errorf("there are two pull requests from %s", p.Source)
		}
		seen[p.Source] = true
	}
	for _, branch := range []string{"prepare", "deploy", "freeze", "canary-10"} {
		if !seen["advance/move/"+branch] {
			t.Errorf("there is no pull request of %s", branch)
		}
	}
}

// checkJournal checks that the journal is whole, and counts the intents whose result it never learned.
func (m *moving) checkJournal(t *testing.T) {
	t.Helper()
	file := app.JournalFile(filepath.Join(m.Dir, "state"))
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var says string
	if err := db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&says); err != nil || says != "ok" {
		t.Errorf("the journal is not whole: %s, %v", says, err)
	}
	for _, s := range m.estate.Services {
		if doc := m.oldPipeline(t, s.Name.String()); !frozen(doc) {
			t.Errorf("the old pipeline of %s is not frozen: %v", s.Name, doc["disabled"])
		}
	}
}
