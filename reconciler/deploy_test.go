package reconciler_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"cutover/generator/pipeline"
	"cutover/reconciler"
	"cutover/reconciler/failure"
)

// forgetful is a Spinnaker that starts what it is asked to, loses the answer, and does not list it for a while.
type forgetful struct {
	reconciler.Executions
	now     func() time.Time
	lost    map[string]time.Time // when, by correlation id
	started map[string]int
}

func (f forgetful) Trigger(ctx context.Context, t pipeline.Trigger) (string, error) {
	f.started[t.CorrelationID]++
	id, err := f.Executions.Trigger(ctx, t)
	if _, again := f.lost[t.CorrelationID]; err != nil || again {
		return id, err
	}
	f.lost[t.CorrelationID] = f.now()
	return "", fmt.Errorf("%w: no answer", failure.ErrTransient)
}

func (f forgetful) Recent(ctx context.Context, application, id string, limit int) ([]pipeline.Execution, error) {
	list, err := f.Executions.Recent(ctx, application, id, limit)
	return slices.DeleteFunc(list, func(x pipeline.Execution) bool {
		at, lost := f.lost[x.CorrelationID]
		return lost && f.now().Sub(at) < 10*time.Second
	}), err
}

// TestALostTriggerIsNotRepeated: an execution that a list does not show yet is not started again.
func TestALostTriggerIsNotRepeated(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	tr.through("prepare")
	f := forgetful{lost: map[string]time.Time{}, started: map[string]int{}, now: tr.w.Now}
	tr.p = tr.w.Start()
	tr.r = onChanged(t, tr.p, func(c *reconciler.Config) {
		f.Executions = c.Executions
		c.Executions = f
	})
	tr.merge(tr.proposed("deploy").Number)
	tr.until("everything to be deployed", 2*time.Hour, func() bool { return len(f.lost) > 2 && tr.last.Decision.Step == 7 })
	for id, n := range f.started {
		if n > 1 {
			t.Errorf("%s was started %d times", id, n)
		}
	}
}
