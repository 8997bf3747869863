package phase

import (
	"slices"
	"strconv"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

const (
	// glance is when to look again at what cannot be watched and takes a while.
	glance = 5 * time.Second
	// smokeRetry is how long after a failure a test is run again.
	smokeRetry = time.Minute
)

// smoke is steps 7 and 12: every test of the new cluster has passed for what runs there now.
func smoke(number int, of estate.Phase) func(situation) Progress {
	return func(s situation) Progress {
		var p Progress
		var failed, approval, running Progress // of each kind the first one is told
		for _, test := range s.e.Smoke {
			if test.Step != number {
				continue
			}
			p.Total++
			switch state, again := test.State, test.At.Add(smokeRetry); {
			case state == evidence.SmokePassed:
				p.Done++
			case state == evidence.SmokeWaiting, isApproval(s.m, test.Name):
				approval.wait(awaited(s.m, of, test), s.now.Add(glance))
			case state == evidence.SmokeRunning:
				running.wait(because(SmokeRunning, "%s is under way: %s", test.Name, test.Reason), s.now.Add(glance))
			case state == evidence.SmokeFailed && s.now.Before(again):
				failed.wait(because(SmokeFailed, "%s failed: %s", test.Name, test.Reason), again)
			default:
				p.Actions = append(p.Actions, runSmoke(number, test))
			}
		}
		for _, kind := range []Progress{failed, approval, running} {
			if kind.Waiting.Code != "" {
				p.wait(kind.Waiting, kind.Until)
			}
		}
		if len(p.Actions) > 0 {
			p.Waiting = because(SmokePending, "%s to be run", count(len(p.Actions), "test"))
		}
		return p
	}
}

// awaited says what a person has to do for a test.
func awaited(m *estate.Migration, of estate.Phase, test evidence.Smoke) Reason {
	again := ""
	if test.Reason != "" {
		again = "; again, because " + test.Reason
	}
	return because(SmokeApproval, "%s waits for a person: write the comment \"/approve %s\" on the pull request of %s%s%s",
		test.Name, test.Name, of, detail(m, test.Name), again)
}

func runSmoke(number int, test evidence.Smoke) Action {
	reason := "it was not run yet for what runs now"
	if test.State == evidence.SmokeFailed {
		reason = "it failed (" + test.Reason + "): trying again"
	}
	return Action{Verb: RunSmoke, Target: test.Name, Key: strconv.Itoa(number), Reason: reason, Undo: "nothing to do: a test only looks"}
}

// isApproval says that a test is a person's to pass, never ours.
func isApproval(m *estate.Migration, name string) bool { return detail(m, name) != "" }

// detail is the sentence that a person approves.
func detail(m *estate.Migration, name string) string {
	i := slices.IndexFunc(m.Smoke, func(t estate.Smoke) bool { return t.Name == name })
	if i < 0 || m.Smoke[i].Approval == "" {
		return ""
	}
	return ": " + m.Smoke[i].Approval
}
