package reconciler_test

import (
	"strings"
	"testing"
	"time"

	"cutover/reconciler/phase"
	"cutover/reconciler/record"
)

// TestApprovalIsRecorded: who approved a test stands in the journal, once for each step, also after a restart.
func TestApprovalIsRecorded(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	for _, checkpoint := range []string{"prepare", "deploy", "freeze"} {
		tr.through(checkpoint)
		tr.restart()
	}
	tr.pass()
	var steps []int
	for _, e := range tr.w.Entries() {
		if e.Kind == record.Observation && e.Verb == "approved" {
			steps = append(steps, e.Step)
			if e.Target != "devices" || !strings.HasPrefix(e.Reason, "approved by tester at 20") {
				t.Errorf("%s: %s", e.Target, e.Reason)
			}
		}
	}
	if len(steps) != 2 || steps[0] != 7 || steps[1] != 12 {
		t.Errorf("approvals of steps %v, want 7 and 12", steps)
	}
}

// TestApprovalTooEarly approves what is not deployed yet: that is told, and another approval asked for.
func TestApprovalTooEarly(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	tr.through("prepare")
	p := tr.proposed("deploy")
	tr.merge(p.Number)
	tr.approve(p.Number)
	tr.until("an approval to be asked for", time.Hour, tr.decides(phase.SmokeApproval))
	if text := tr.last.Decision.Reason.Text; !strings.Contains(text, "again, because tester approved what ran before the deployment of ") {
		t.Error(text)
	}
	tr.approve(p.Number)
	tr.until("deploy to be complete", time.Hour, func() bool { return tr.last.Decision.Kind == phase.Advance })
}
