package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"cutover/cmd/internal/lab/scenario"
	"cutover/reconciler/contract/labtest"
)

// TestCanaryFails lets the new cluster answer with errors while a weight bakes: the traffic goes back to the last good
// weight by itself, stays there, and the pull request tells why.
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
	m.eventually(t, d, "the traffic is back at the last good weight", func(context.Context) bool {
		return m.weight(t, "edge-1") == 10 && m.weight(t, "edge-2") == 10 && m.weight(t, "edge-3") == 10
	})
	t.Logf("all proxies are back at 10%% %.1fs after the new cluster began to fail", time.Since(broken).Seconds())
	r := m.await(t, d, "the failure holds the migration", func(r scenario.Report) bool { return r.Decision.Reason.Code == "weight-failed" })
	for _, want := range []string{"weight 50% failed", "edge errors"} {
		if !strings.Contains(r.Decision.Reason.Text, want) {
			t.Errorf("the reason is %q, want it to say %q", r.Decision.Reason.Text, want)
		}
	}
	m.eventually(t, d, "the pull request tells of the retreat", func(context.Context) bool {
		return len(m.saidOf(t, p.Number, "### Back to 10 %")) == 1
	})
	m.edge.Trouble(t, labtest.New, labtest.Trouble{})
	d = m.restart(t, d)
	m.await(t, d, "the restarted daemon has looked", func(r scenario.Report) bool { return r.Pass.Done && r.Decision.Reason.Code == "weight-failed" })
	for _, proxy := range m.edge.Names() {
		if w := m.weight(t, proxy); w != 10 {
			t.Errorf("%s has %d%%: a failed weight must not be tried again by itself", proxy, w)
		}
	}
}
