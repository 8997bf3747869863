package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-x/go-scm/scm"

	"cutover/cmd/internal/lab/scenario"
	"cutover/reconciler/contract/labtest"
)

// TestCanaryFails lets the new cluster answer with errors while a weight bakes: the traffic goes back to the last good
// weight by itself, and, as that fails as well, to none. There it stays, and the pull request tells why.
func TestCanaryFails(t *testing.T) {
	t.Parallel()
	m := newMoving(t, nil)
	m.newUsers(t, 60)
	d := m.hooked(t)
	for _, checkpoint := range []string{"prepare", "deploy", "freeze", "canary-10"} {
		m.passed(t, d, checkpoint)
	}
	p := m.merged(t, d, "canary-50")
	m.eventually(t, d, "the next weight bakes", func(context.Context) bool { return m.weight(t, "edge-1") == 50 })
	m.edge.Trouble(t, labtest.New, labtest.Trouble{Fail: 0.5})
	broken := time.Now()
	m.eventually(t, d, "the traffic is back at the last good weight", m.haveAll(t, 10))
	t.Logf("all proxies are back at 10%% %.1fs after the new cluster began to fail", time.Since(broken).Seconds())
	m.eventually(t, d, "that fails as well, and no traffic is left there", m.haveAll(t, 0))
	t.Logf("all proxies are back at 0%% %.1fs after the new cluster began to fail", time.Since(broken).Seconds())
	r := m.await(t, d, "the failure holds the migration", func(r scenario.Report) bool {
		return r.Decision.Reason.Code == "weight-failed" && strings.Contains(r.Decision.Reason.Text, "then 10%")
	})
	for _, want := range []string{"weight 50% failed", "edge errors", "the edge is back at 0%"} {
		if !strings.Contains(r.Decision.Reason.Text, want) {
			t.Errorf("the reason is %q, want it to say %q", r.Decision.Reason.Text, want)
		}
	}
	m.eventually(t, d, "the pull request tells of the retreat", func(context.Context) bool {
		return len(m.saidOf(t, p.Number, "### Back to 0 %")) == 1
	})
	m.edge.Trouble(t, labtest.New, labtest.Trouble{})
	d = m.restart(t, d)
	m.await(t, d, "the restarted daemon has looked", func(r scenario.Report) bool { return r.Pass.Done && r.Decision.Reason.Code == "weight-failed" })
	for _, proxy := range m.edge.Names() {
		if w := m.weight(t, proxy); w != 0 {
			t.Errorf("%s has %d%%: a failed weight must not be tried again by itself", proxy, w)
		}
	}
	m.checkCommands(t, d)
}

// checkCommands lets people pause the failed canary, resume it, and try its weight again, each by a command and the pull
// request that it opens.
func (m *moving) checkCommands(t *testing.T, d *scenario.Daemon) {
	t.Helper()
	name := m.migration.Name.String()
	m.moved(t, d, "pause", name, "--reason", "lunch")
	r := m.await(t, d, "it is paused", func(r scenario.Report) bool { return r.Decision.Reason.Code == "paused" })
	if !strings.Contains(r.Decision.Reason.Text, "lunch") {
		t.Errorf("paused: %s", r.Decision.Reason.Text)
	}
	for says, args := range map[string][]string{
		"is paused already":                  {"pause", name, "--reason", "lunch"},
		"canary 50%, paused is not complete": {"advance", name},
	} {
		if code, out := m.tries(t, d, args...); code != 1 || !strings.Contains(out, says) {
			t.Errorf("%v exits %d: %s", args, code, out)
		}
	}
	for says, args := range map[string][]string{
		"its migrations are " + name:   {"advance", "nothing"},
		"names a weight of 33%":        {"rollback", name, "--to", "canary 33"},
		"one argument, MIGRATION, but": {"resume"},
	} {
		if code, out := m.tries(t, d, args...); code != 2 || !strings.Contains(out, says) {
			t.Errorf("%v exits %d: %s", args, code, out)
		}
	}
	m.moved(t, d, "resume", name)
	m.await(t, d, "it goes on, and waits where it failed", func(r scenario.Report) bool { return r.Decision.Reason.Code == "weight-failed" })
	again := m.moved(t, d, "advance", name)
	m.reached(t, d, again, "canary-50")
}

// moved runs a command that opens a pull request, and merges that.
func (m *moving) moved(t *testing.T, d *scenario.Daemon, args ...string) *scm.PullRequest {
	t.Helper()
	var made struct{ Number int }
	if err := json.Unmarshal([]byte(m.cutover(t, d, append(args, "-o", "json")...)), &made); err != nil {
		t.Fatal(err)
	}
	m.eventually(t, d, fmt.Sprintf("#%d has its plan", made.Number), func(context.Context) bool {
		return len(m.saidOf(t, made.Number, "### Plan: ")) > 0
	})
	if err := m.Merge(t.Context(), made.Number); err != nil {
		t.Fatal(err)
	}
	p, err := m.Review(t.Context(), made.Number)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tries runs a command that may fail, and returns its exit code and what it says.
func (m *moving) tries(t *testing.T, d *scenario.Daemon, args ...string) (int, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, append(args, "--config", d.Config)...)
	cmd.Env = append(cmd.Environ(), m.Env()...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// haveAll tells whether all proxies give the new cluster so many percent.
func (m *moving) haveAll(t *testing.T, weight int) func(context.Context) bool {
	return func(context.Context) bool {
		for _, proxy := range m.edge.Names() {
			if m.weight(t, proxy) != weight {
				return false
			}
		}
		return true
	}
}

// TestNobodyAnswers lets the new cluster's ingress go down while it has all of the traffic. The proxies would answer
// everything with 503 then, and count that nowhere: the traffic goes back all the same, and users are served again.
func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	m := newMoving(t, nil)
	users := m.newUsers(t, 60)
	d := m.hooked(t)
	for _, checkpoint := range []string{"prepare", "deploy", "freeze", "canary-10", "canary-50"} {
		m.passed(t, d, checkpoint)
	}
	p := m.passed(t, d, "canary-100")
	users.stop() // what fails before the proxies' checks do is counted, and would be seen by that
	m.edge.Trouble(t, labtest.New, labtest.Trouble{Down: true})
	broken := time.Now()
	m.eventually(t, d, "the traffic is back at the last good weight", m.haveAll(t, 50))
	took := time.Since(broken)
	t.Logf("all proxies are back at 50%% %.1fs after the new cluster's ingress went down", took.Seconds())
	if took > 30*time.Second {
		t.Errorf("users would have got no answer for %s", took)
	}
	r := m.await(t, d, "the failure holds the migration", func(r scenario.Report) bool { return r.Decision.Reason.Code == "weight-failed" })
	if want := "server new takes no traffic at edge-"; !strings.Contains(r.Decision.Reason.Text, want) {
		t.Errorf("the reason is %q, want it to say %q", r.Decision.Reason.Text, want)
	}
	m.eventually(t, d, "the pull request tells of the retreat", func(context.Context) bool {
		return len(m.saidOf(t, p.Number, "### Back to 50 %")) == 1
	})
	users = m.newUsers(t, 60)
	m.eventually(t, d, "users are served again", func(context.Context) bool { total, _, _ := users.sum(); return total > 500 })
	if total, failed, reasons := users.sum(); failed > 0 {
		t.Errorf("%d of %d requests failed after the traffic went back: %v", failed, total, reasons)
	}
}
