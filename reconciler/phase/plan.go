package phase

import (
	"fmt"
	"slices"
	"time"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// mostDecisions bounds a plan. A migration of a hundred services takes about as many decisions as it has services.
const mostDecisions = 2000

// PlanStep is one line of a plan: an effect, or something that is waited for.
type PlanStep struct {
	Step   int    `json:"step,omitempty"` // of the runbook
	Action Action `json:"action,omitzero"`
	// Wait is set where there is no action: what has to come true before the plan goes on, in words and as a code.
	Wait string `json:"wait,omitempty"`
	Code Code   `json:"code,omitempty"`
	// Stops says that the wait is for somebody to put something right: what follows is not known before.
	Stops bool `json:"stops,omitempty"`
}

// Plan lists what Next would do, in order, from now until everything up to the marker at is done, and what would be
// waited for in between. It assumes that every action works out, that tests are passed and people approve, and that
// weights pass. It does not judge the marker, as Refusal does: one that e is not of is taken to be merged next. While a
// system cannot be looked at there is no plan, only that wait.
func Plan(m *estate.Migration, at estate.Marker, e *evidence.Evidence, now time.Time) []PlanStep {
	if d, ok := unseen(situation{m, at, e, now}); ok {
		return []PlanStep{{Wait: d.Reason.Text, Code: d.Reason.Code, Stops: true}}
	}
	imagined := clone(e)
	s := situation{m, at, &imagined, now}
	s.foresee()
	var out []PlanStep
	done := map[string]bool{}
	want := s.want()
	for range mostDecisions {
		if now := s.want(); now != want {
			want = now
			s.readdress()
		}
		d := Next(m, at, s.e, s.now)
		for _, a := range d.Actions {
			effect := fmt.Sprint(a.Step, a.Verb, a.Target, a.Key, a.Weight)
			if done[effect] { // it does not lead on, so that nothing more is known
				return out
			}
			done[effect] = true
			out = append(out, PlanStep{Step: a.Step, Action: a})
			s.apply(a)
		}
		switch d.Kind {
		case Do, Retreat:
			continue
		case Hold:
			comes := s.assume(d)
			out = append(out, PlanStep{Step: d.Step, Wait: d.Reason.Text, Code: d.Reason.Code, Stops: !comes})
			if comes {
				continue
			}
		case Refuse:
			out = append(out, PlanStep{Wait: d.Reason.Text, Code: d.Reason.Code, Stops: true})
		case Advance:
		}
		break
	}
	return out
}

// foresee adds what would be observed once the marker counted: its arrival, tests that are made anew because their phase
// begins, and addresses that another phase asks for.
func (s situation) foresee() {
	if s.at.Phase != 0 && Refusal(s.m, s.at, &s.e.Marker).Code != "" {
		s.e.Marker = evidence.Marker{Commit: "planned", Trailer: s.at.Phase.String(), Before: s.at, Reviewed: true}
	}
	if s.e.Marker.Before.Phase != s.at.Phase {
		each(s.e.Smoke, func(t *evidence.Smoke) bool { return phaseOf(t.Step) == s.at.Phase }, func(t *evidence.Smoke) { t.State = evidence.SmokeDue })
	}
	s.readdress()
}

// phaseOf is the phase that a step of the table belongs to.
func phaseOf(number int) estate.Phase {
	i := slices.IndexFunc(Table, func(s Step) bool { return s.Number == number })
	if i < 0 {
		return 0
	}
	return Table[i].Phase
}

// readdress adds the addresses in the copy that are not those that are wanted now.
func (s situation) readdress() {
	want := s.want()
	for _, l := range s.e.Links {
		stale := evidence.SecretDifference{Path: l.Client.Namespace.String() + "/" + l.Secret, Key: l.Key, Kind: evidence.SecretStale}
		if l.New != want && l.New != evidence.TargetUnknown && !slices.Contains(s.e.Secrets.Different, stale) {
			s.e.Secrets.Different = append(s.e.Secrets.Different, stale)
		}
	}
}

// assume lets what a decision waits for come true; false if somebody has to put something right first.
func (s situation) assume(d Decision) bool {
	switch d.Reason.Code {
	case Deploying:
		s.settle()
	case SmokeRunning, SmokeApproval, SmokeFailed:
		each(s.e.Smoke, func(t *evidence.Smoke) bool { return t.Step == d.Step }, func(t *evidence.Smoke) { t.State = evidence.SmokePassed })
	case FreezeRunning:
		s.e.Freeze.Running = nil
	case SecretSyncLag:
		// Pods that run keep the address that they began with.
		each(s.e.Links, func(l *evidence.Link) bool { return l.New != s.want() }, func(l *evidence.Link) {
			l.New, l.Mark, l.Stale = s.want(), string(s.want()), l.Pods-l.Stale
		})
	case Draining:
		each(s.e.Edge.Proxies, func(*evidence.Proxy) bool { return true }, func(p *evidence.Proxy) { p.To.Current = 0 })
	case ClientRestarting:
		each(s.e.Links, func(*evidence.Link) bool { return true }, func(l *evidence.Link) { l.Stale = 0 })
		s.settle()
	case Baking, BakeInconclusive:
		s.e.Edge.Checks = nil
		for _, name := range checkNames(s.m) {
			s.e.Edge.Checks = append(s.e.Edge.Checks, evidence.Check{Name: name, Verdict: evidence.Pass, Reason: "assumed"})
		}
		s.e.Edge.Bake.Since = s.now.Add(-s.bakeTime(s.e.Edge.Bake.Weight))
		s.steady()
	case ShareUnknown:
		s.steady()
	default:
		return false
	}
	return true
}

// steady lets the weight that stands have been everywhere for long enough.
func (s situation) steady() {
	s.e.Edge.Steady, s.e.Edge.SteadySince = slices.Clone(s.e.Edge.Proxies), s.now.Add(-windowFor)
}

// settle lets every deployment that is under way succeed, and what is deployed become ready.
func (s situation) settle() {
	for i := range s.e.Services {
		svc := &s.e.Services[i]
		svc.Occupied = ""
		if len(svc.Deployments) == 0 {
			continue
		}
		if !svc.Deployments[0].Status.Complete() {
			svc.Deployments[0].Status, svc.Deployments[0].Ended = pipeline.Succeeded, s.now
		}
		svc.Ready, svc.Status = true, ""
	}
}
