package reconciler_test

import (
	"strings"
	"testing"

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
