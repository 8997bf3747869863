package phase_test

import (
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// smoke sets the state of a test.
func smoke(step int, name string, state evidence.SmokeState, ago time.Duration) func(*estate.Migration, *evidence.Evidence) {
	return with(func(e *evidence.Evidence) {
		for i, s := range e.Smoke {
			if s.Step == step && s.Name == name {
				e.Smoke[i].State, e.Smoke[i].At, e.Smoke[i].Reason = state, t0.Add(-ago), "it answered 503"
			}
		}
	})
}

var smokeScenes = []scene{
	{"a test that is due is run", deploy, smoke(7, "main page", evidence.SmokeDue, 0), "do step 7: smoke-pending\n  run-smoke main page [7]"},
	{"an approval is never given by the machine", deploy, smoke(7, "devices", evidence.SmokeDue, 0), "hold step 7: smoke-approval until +5s"},
	{"a test runs", deploy, smoke(7, "main page", evidence.SmokeRunning, 0), "hold step 7: smoke-running until +5s"},
	{"a person has to approve", deploy, smoke(7, "devices", evidence.SmokeWaiting, 0), "hold step 7: smoke-approval until +5s"},
	{"a failure is told", deploy, smoke(7, "main page", evidence.SmokeFailed, 20*time.Second), "hold step 7: smoke-failed until +40s"},
	{"before what a person has to do", deploy, also(smoke(7, "main page", evidence.SmokeFailed, 20*time.Second), smoke(7, "devices", evidence.SmokeWaiting, 0)), "hold step 7: smoke-failed until +5s"},
	{"and tried again", deploy, smoke(7, "main page", evidence.SmokeFailed, time.Minute), "do step 7: smoke-pending\n  run-smoke main page [7]"},
	{"nothing is tested before it runs", deploy, also(smoke(7, "main page", evidence.SmokeDue, 0), edited("api", func(s *evidence.Service) { s.Ready = false })), "hold step 6: deploying"},
	{"the final test is one of its own", freeze, smoke(12, "main page", evidence.SmokeDue, 0), "do step 12: smoke-pending\n  run-smoke main page [12]"},
	{"and does not concern deploy", deploy, smoke(12, "main page", evidence.SmokeDue, 0), "advance step 0: complete"},
	{"no traffic before the final test", canary(1), also(smoke(12, "devices", evidence.SmokeWaiting, 0), unbaked), "hold step 12: smoke-approval until +5s"},
}
