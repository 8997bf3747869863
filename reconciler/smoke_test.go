package reconciler_test

import (
	"encoding/json"
	"testing"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/object"
	"cutover/reconciler/phase"
)

// journey is what is noted of the sample's test by a Job.
func (tr *trip) journey() (n struct{ State, Job string }) {
	tr.Helper()
	note, ok, err := tr.p.Ports().Journal.Note(tr.Context(), estate.Must(estate.ParseMigrationName("eks")), "smoke.7.journey")
	if err != nil {
		tr.Fatal(err)
	}
	if ok {
		if err := json.Unmarshal(note.Value, &n); err != nil {
			tr.Fatal(err)
		}
	}
	return n
}

// TestATestByAJobHasToSucceed lets a test's Jobs fail at first.
func TestATestByAJobHasToSucceed(t *testing.T) {
	tr := newTrip(t)
	tr.through("prepare")
	tr.w.FailJobs(1)
	p := tr.proposed("deploy")
	tr.merge(p.Number)

	jobs := map[string]bool{}
	failed := func() bool {
		if tr.last.Decision.Kind == phase.Advance && tr.last.Marker.Phase == estate.Deploy {
			t.Fatal("the phase is complete though its test fails")
		}
		n := tr.journey()
		if n.State == "failed" {
			jobs[n.Job] = true
		}
		return len(jobs) == 3
	}
	tr.until("three attempts to fail", time.Hour, failed)
	tr.until("the failure to be told", time.Minute, func() bool { return tr.last.Decision.Reason.Code == phase.SmokeFailed })

	tr.w.FailJobs(0)
	tr.approve(p.Number)
	tr.until("deploy to be complete", time.Hour, func() bool { return tr.last.Decision.Kind == phase.Advance })
	passed := tr.journey()
	if passed.State != "passed" || jobs[passed.Job] {
		t.Fatalf("noted is %+v, after the attempts %v", passed, jobs)
	}
	job := object.Ref{Group: "batch", Kind: "Job", Namespace: "web", Name: passed.Job}
	if err := tr.w.Remove("the garbage collector", estate.Must(estate.ParseClusterName("orbit-prod2")), job); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if tr.pass(); tr.last.Decision.Kind != phase.Advance {
			t.Fatalf("the test that has passed is due again: %s", tr.last.Decision.Reason.Text)
		}
	}
}
