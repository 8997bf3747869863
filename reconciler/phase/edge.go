package phase

import (
	"fmt"
	"slices"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// blink is when to look again at the proxies: a reload loses the weights, and they must not be gone for long.
const blink = 2 * time.Second

// keepEdge is what comes before all rows: the proxies have the weight that was reached, whatever else has to wait, and a
// weight that fails is taken back, even if it had passed. It never raises a weight above one that was set before.
func keepEdge(s situation) (Decision, bool) {
	if s.at.Phase < estate.Canary {
		return stepAt(0).decide(lower(s))
	}
	bake := s.e.Edge.Bake
	if s.arrived() {
		reason := fmt.Sprintf("every proxy has %d%%: it bakes for %s", bake.Weight, s.bakeTime(bake.Weight))
		a := s.note(BeginBake, bake.Weight, reason)
		a.Key = edgeKey(bake.Commit, bake.Weight)
		return stepAt(bake.Weight).decide(Progress{Waiting: because(WeightPending, "%s", reason), Actions: []Action{a}})
	}
	if weight := bake.Stands(); Judged(bake) && weight <= s.at.Weight {
		failed := append(verdicts(s.e.Edge.Checks, evidence.Fail), s.outages()...)
		if takenBack(s.e.Edge) && len(s.unreachable()) == 0 && !s.isHistory() {
			failed = append(failed, "it was taken back at every proxy, and the journal does not say why: by a person, or by a daemon that could not write")
		}
		if len(failed) > 0 {
			why := because(CheckFailed, "weight %d%% failed: %s", weight, phrases(failed))
			d, _ := stepAt(weight).decide(Progress{Waiting: why, Actions: []Action{s.note(FailBake, weight, phrases(failed))}})
			d.Kind = Retreat
			return d, true
		}
	}
	held := s.held()
	d, ok := stepAt(held).decide(s.assert(held))
	if ok && d.Kind == Do && bake.Failed != "" && highest(s.e.Edge) > held {
		d.Kind = Retreat
	}
	if !ok && held < reached(s.e.Edge) && len(s.unreachable()) == 0 && everywhere(s.e.Edge, held) { // or a later marker would find the old note
		return stepAt(held).decide(s.begin(held, fmt.Sprintf("every proxy is back at %d%%, and %d%% is noted from before", held, bake.Weight)))
	}
	return d, ok
}

// arrived says that every proxy has the weight that was going to be set, which is not noted yet: until it is, nothing
// judges it, so that nothing else may come first.
func (s situation) arrived() bool {
	bake := s.e.Edge.Bake
	return bake.Commit != "" && !bake.Begun() && bake.Weight > 0 && bake.Weight <= s.at.Weight && len(s.unreachable()) == 0 && everywhere(s.e.Edge, bake.Weight)
}

// everywhere says that all proxies answer and have a weight, and the old cluster the rest.
func everywhere(e evidence.Edge, weight int) bool {
	return len(e.Proxies) > 0 && !slices.ContainsFunc(e.Proxies, func(p evidence.Proxy) bool {
		return p.Unreachable != "" || p.To.Weight != weight || p.From.Weight != 100-weight
	})
}

// takenBack says that no proxy has the weight that stands any more, nor a higher one, and that not all of them have
// forgotten it by a reload: somebody who had a reason has lowered it.
func takenBack(e evidence.Edge) bool {
	return lowered(e) && slices.ContainsFunc(reachable(e), func(p evidence.Proxy) bool {
		was, seen := processes(e.Bake)[p.Name]
		return seen && was.Equal(p.Started)
	})
}

// lowered says that no proxy that answers has the weight that stands any more, nor a higher one.
func lowered(e evidence.Edge) bool { return len(reachable(e)) > 0 && highest(e) < e.Bake.Stands() }

// outageFor is how long the new cluster's server may be down where nothing else gets traffic. The proxy's own checks have
// waited before they called it down.
const outageFor = 5 * time.Second

// outages are the proxies whose users get no answer at all: everything goes to a server that is down. With a weight of its
// own the old cluster's server would take over, but a proxy gives nothing to one of weight 0, and counts what it answers
// itself at neither.
func (s situation) outages() []string {
	var out []string
	for _, p := range reachable(s.e.Edge) {
		if p.To.Weight == s.e.Edge.Bake.Stands() && !p.To.Up && p.To.For >= outageFor && p.From.Weight == 0 && p.From.Up {
			out = append(out, fmt.Sprintf("server %s takes no traffic at %s (%s for %s), and has all of it", p.To.Name, p.Name, p.To.State, p.To.For))
		}
	}
	return out
}

// lower undoes steps 14 and 15: the new cluster gets no traffic. It is noted, so that a later canary begins at 0 again.
func lower(s situation) Progress {
	bake := s.e.Edge.Bake
	if p := s.assert(0); !p.complete() {
		return p
	}
	switch down := s.unreachable(); {
	case bake.Commit == "" || bake.Weight == 0 && bake.Good == 0:
		return Progress{}
	case len(down) > 0:
		return Progress{Waiting: because(ProxyUnreachable, "whether the weight is 0%% is not known: no answer from %s", some(down)), Until: s.now.Add(blink)}
	}
	return s.begin(0, "every proxy is back at 0%")
}

// assert asks for a weight at every proxy that has another one. Those that have a higher one are lowered first, and alone:
// that cannot wait for anything. The others are raised together, and only if all of them answer.
func (s situation) assert(weight int) Progress {
	var off, above []string
	for _, p := range reachable(s.e.Edge) {
		if p.To.Weight != weight || s.e.Edge.Bake.Commit != "" && p.From.Weight != 100-weight {
			off = append(off, p.Name)
		}
		if p.To.Weight > weight {
			above = append(above, p.Name)
		}
	}
	if len(off) == 0 {
		return Progress{}
	}
	to := above
	if len(above) == 0 {
		if down := s.unreachable(); len(down) > 0 {
			return Progress{Waiting: because(ProxyUnreachable, "the weight should be %d%%, and cannot be set: no answer from %s", weight, some(down)), Until: s.now.Add(blink)}
		}
		to = proxyNames(reachable(s.e.Edge))
	}
	was := highest(s.e.Edge)
	why := because(WeightPending, "the weight should be %d%%, and is not at %s", weight, some(off))
	if bake := s.e.Edge.Bake; bake.Failed != "" && was > weight {
		why = because(WeightPending, "weight %d%% failed, so that all go back to %d%%", bake.Weight, weight)
	}
	return Progress{Waiting: why, Actions: []Action{{
		Verb: SetWeight, Target: s.m.Edge.Backend, Key: edgeKey(s.e.Marker.Commit, weight), Weight: weight, Items: to,
		Reason: why.Text, Undo: fmt.Sprintf("set the weight back to %d%%", was),
	}}}
}

// held is the weight that the proxies should have until the next one is due. A bake that is history may lower a weight, and
// never raises one.
func (s situation) held() int {
	held := reached(s.e.Edge)
	if s.isHistory() {
		held = min(held, lowest(s.e.Edge))
	}
	return min(held, s.at.Weight)
}

// isHistory says that the note of the bake is of another marker than this one and the one before it.
func (s situation) isHistory() bool {
	return s.e.Edge.Bake.Commit != s.e.Marker.Commit && reached(s.e.Edge) > s.e.Marker.Before.Weight
}

// reached is the weight that was brought to all proxies last, or the last good one after a failure. While the next one is
// only going to be set it is the one before, until every proxy has the next: a proxy that does not answer may not have it.
func reached(e evidence.Edge) int {
	switch bake := e.Bake; {
	case bake.Commit == "":
		return 0
	case bake.Failed != "":
		return bake.Good
	case bake.Begun(), everywhere(e, bake.Weight):
		return bake.Weight
	default:
		return bake.Stands()
	}
}

// goal is the weight that the marker asks for next: one step after the last that passed.
func (s situation) goal() int {
	bake, limit := s.e.Edge.Bake, s.at.Weight
	if bake.Commit == s.e.Marker.Commit && bake.Weight > 0 {
		if bake.Passed {
			return s.after(bake.Weight)
		}
		return min(bake.Weight, limit)
	}
	held := s.held()
	if held >= limit {
		return limit
	}
	return s.after(min(held, bake.Good))
}

// after is the step after a weight, at most the marker's weight.
func (s situation) after(weight int) int {
	for _, step := range s.m.Edge.Steps {
		if step.Weight > weight {
			return min(step.Weight, s.at.Weight)
		}
	}
	return s.at.Weight
}

// note is an action that notes how the bake of a weight stands.
func (s situation) note(verb Verb, weight int, reason string) Action {
	return Action{Verb: verb, Target: s.m.Edge.Backend, Key: edgeKey(s.e.Marker.Commit, weight), Weight: weight, Reason: reason, Undo: "nothing to do: it is only noted"}
}

// begin notes that a weight bakes from now on, or, while the proxies have another one, that it is going to be set: what is
// intended is known before it is done.
func (s situation) begin(weight int, reason string) Progress {
	a := s.note(BeginBake, weight, reason)
	if lowest(s.e.Edge) != weight {
		a.Key += ".next"
	}
	return Progress{Waiting: because(WeightPending, "%s", reason), Actions: []Action{a}}
}

// edgeKey tells the same weight of two markers apart.
func edgeKey(commit string, weight int) string {
	return fmt.Sprintf("%.10s.%d", commit, weight)
}

// unreachable are the proxies that did not answer, with the reason.
func (s situation) unreachable() []string {
	var out []string
	for _, p := range s.e.Edge.Proxies {
		if p.Unreachable != "" {
			out = append(out, fmt.Sprintf("%s (%s)", p.Name, p.Unreachable))
		}
	}
	for _, name := range s.m.Edge.Proxies {
		if !slices.ContainsFunc(s.e.Edge.Proxies, func(p evidence.Proxy) bool { return p.Name == name }) {
			out = append(out, name+" (not asked)")
		}
	}
	return out
}

func reachable(e evidence.Edge) []evidence.Proxy {
	return slices.DeleteFunc(slices.Clone(e.Proxies), func(p evidence.Proxy) bool { return p.Unreachable != "" })
}

func proxyNames(list []evidence.Proxy) []string {
	var out []string
	for _, p := range list {
		out = append(out, p.Name)
	}
	return out
}

// highest and lowest are the weights that the proxies show; 0 if none answers.
func highest(e evidence.Edge) int {
	out := 0
	for _, p := range reachable(e) {
		out = max(out, p.To.Weight)
	}
	return out
}

func lowest(e evidence.Edge) int {
	list := reachable(e)
	if len(list) == 0 {
		return 0
	}
	return slices.MinFunc(list, func(a, b evidence.Proxy) int { return a.To.Weight - b.To.Weight }).To.Weight
}

// stepAt is the row that a weight belongs to.
func stepAt(weight int) Step {
	if weight == 100 {
		return Step{Number: 15}
	}
	return Step{Number: 14}
}
