package reconciler_test

import (
	"strings"
	"testing"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/phase"
)

// TestSessionsKeepTheirSingleton goes back while sessions are left from the canary: a Pod that starts meanwhile must read the
// address that they began with.
func TestSessionsKeepTheirSingleton(t *testing.T) {
	t.Parallel()
	tr := newCanary(t)
	address := tr.w.Migration().Singletons[0].Address
	tr.back(estate.Marker{Phase: estate.Deploy})
	tr.until("the sessions to be waited for", 5*time.Minute, func() bool { return tr.at(0)() && tr.drains() })
	for ; tr.drains(); tr.pass() {
		if got := tr.w.Secret("k8s-secret/orbit-prod2/core/api-match")[address.Key]; got != address.From {
			t.Fatalf("while sessions are left the copy of the address is %v", got)
		}
	}
	tr.until("the address to be the new one", time.Minute, func() bool {
		return tr.w.Secret("k8s-secret/orbit-prod2/core/api-match")[address.Key] == address.To
	})
	tr.rolledBack()
}

// rolledBack passes until a rollback to deploy is complete, and approves what it waits for.
func (tr *trip) rolledBack() {
	tr.Helper()
	requests := tr.w.Requests()
	number, approved := requests[len(requests)-1].Number, false
	tr.until("deploy to be complete", time.Hour, func() bool {
		if tr.last.Decision.Reason.Code == phase.SmokeApproval && !approved {
			approved = true
			tr.approve(number)
		}
		return tr.last.Marker.Phase == estate.Deploy && tr.last.Decision.Kind == phase.Advance
	})
}

// drains tells whether the report says that sessions are waited for.
func (tr *trip) drains() bool {
	for _, step := range tr.last.Steps {
		if step.Number == 11 {
			return strings.Contains(step.Waiting, "which talk to the old singleton")
		}
	}
	return false
}

// TestEveryFreezeRestartsTheClients freezes twice: what the Pods of the first freeze talk to need not be what they say.
func TestEveryFreezeRestartsTheClients(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	for _, checkpoint := range []string{"prepare", "deploy"} {
		tr.through(checkpoint)
	}
	if marks := tr.marks(); marks[""] == 0 || len(marks) != 1 {
		t.Errorf("before the freeze the Pods carry %v", marks)
	}
	tr.through("freeze")
	first := tr.marks()
	tr.back(estate.Marker{Phase: estate.Deploy})
	tr.rolledBack()
	second := tr.marks()
	tr.through("freeze")
	third := tr.marks()
	if len(first) != 1 || len(second) != 1 || len(third) != 1 {
		t.Fatalf("the Pods of one freeze carry different marks: %v, %v, %v", first, second, third)
	}
	for mark := range third {
		if first[mark] > 0 || second[mark] > 0 {
			t.Errorf("the Pods of the second freeze carry %q, as before", mark)
		}
	}
}

// marks counts the Pods of the sample's client in the new cluster by what they say of the address that they began with.
func (tr *trip) marks() map[string]int {
	tr.Helper()
	cluster := tr.p.Ports().Clusters[tr.w.Migration().To.Cluster]
	pods, err := cluster.Pods(tr.Context(), "core", map[string]string{"app": "api"})
	if err != nil {
		tr.Fatal(err)
	}
	out := map[string]int{}
	for _, p := range pods {
		if !p.Terminating {
			out[p.Annotations["cutover/singleton"]]++
		}
	}
	return out
}
