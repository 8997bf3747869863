package reconciler

import (
	"context"
	"maps"
	"slices"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/invariant"
	"cutover/reconciler/phase"
)

// guard holds a decision against the invariants: on what was observed, and, action by action, on what it would be after
// the action. What must not be done is taken out of the decision; if nothing is left of it, the migration holds.
func (r *Reconciler) guard(o *outlook, k *knowledge) {
	m, at, now := &o.desired.migration, k.course.at, r.Now()
	if len(o.evidence.Unseen) > 0 {
		r.guardLifts(o, at) // what was not seen would look broken; only levels are kept up meanwhile
		return
	}
	o.breaches = r.Check(m, at, &o.evidence, now)
	since(k.breached, o.breaches, now)
	var held []invariant.Breach
	if o.decision.Kind == phase.Advance {
		held = o.breaches
	}
	o.decision.Actions = slices.DeleteFunc(o.decision.Actions, func(a phase.Action) bool {
		after := phase.After(m, at, &o.evidence, a, now)
		broken := append(r.Check(m, at, &after, now), invariant.NotOurs(&o.evidence, &after)...)
		if invariant.Allows(o.breaches, broken, phase.Risks(a, &o.evidence)) {
			return false
		}
		held = append(held, broken...)
		return true
	})
	o.hold(held)
}

// hold makes a decision of which nothing is left one that holds, and says what is broken.
func (o *outlook) hold(held []invariant.Breach) {
	if len(held) == 0 || len(o.decision.Actions) > 0 {
		return
	}
	o.decision = phase.Decision{
		Kind: phase.Hold, Step: o.decision.Step, Until: o.decision.Until,
		Reason: phase.Reason{Code: phase.Breached, Text: held[0].Name + ": " + held[0].Text},
	}
}

// guardLifts takes out of a decision that was made without having seen everything what would give traffic to services that
// are seen not to be fit for it.
func (r *Reconciler) guardLifts(o *outlook, at estate.Marker) {
	m, now := &o.desired.migration, r.Now()
	var held []invariant.Breach
	o.decision.Actions = slices.DeleteFunc(o.decision.Actions, func(a phase.Action) bool {
		after := phase.After(m, at, &o.evidence, a, now)
		if !phase.Lifts(a, &o.evidence) || r.fit(m, at, &o.evidence, &after) {
			return false
		}
		held = append(held, r.unfit(m, at, &after)...)
		return true
	})
	o.hold(held)
}

// fit tells whether services may get traffic again, when only they and their singletons were seen.
func (r *Reconciler) fit(m *estate.Migration, at estate.Marker, before, after *evidence.Evidence) bool {
	return invariant.Allows(r.unfit(m, at, before), r.unfit(m, at, after), false)
}

func (r *Reconciler) unfit(m *estate.Migration, at estate.Marker, e *evidence.Evidence) []invariant.Breach {
	return slices.DeleteFunc(r.Check(m, at, e, r.Now()), func(b invariant.Breach) bool {
		return b.Name != invariant.Traffic && b.Name != invariant.Singleton && b.Name != invariant.Exclusive
	})
}

// since notes when each invariant began to be broken.
func since(known map[string]time.Time, breaches []invariant.Breach, now time.Time) {
	for name := range known {
		if !slices.ContainsFunc(breaches, func(b invariant.Breach) bool { return b.Name == name }) {
			delete(known, name)
		}
	}
	for _, b := range breaches {
		if _, ok := known[b.Name]; !ok {
			known[b.Name] = now
		}
	}
}

// breachedKey is the note of the invariants that are broken, and since when.
const breachedKey = "breached"

// recallBreaches reads since when invariants have been broken, as an earlier process noted it. What is known by now counts
// if that cannot be read yet.
func (r *Reconciler) recallBreaches(ctx context.Context, d *desired, k *knowledge) {
	if k.breachedNoted != nil {
		return
	}
	noted := map[string]time.Time{}
	if _, err := r.note(ctx, d, breachedKey, &noted); err != nil {
		return
	}
	k.breachedNoted = noted
	for name, at := range noted {
		if known, ok := k.breached[name]; !ok || at.Before(known) {
			k.breached[name] = at
		}
	}
}

// recordBreaches notes since when invariants have been broken, for the next process.
func (r *Reconciler) recordBreaches(ctx context.Context, d *desired, k *knowledge) error {
	if k.breachedNoted == nil || maps.EqualFunc(k.breachedNoted, k.breached, time.Time.Equal) {
		return nil
	}
	if err := r.setNote(ctx, d, breachedKey, k.breached); err != nil {
		return err
	}
	k.breachedNoted = maps.Clone(k.breached)
	return nil
}

func breachesOf(o outlook, k *knowledge) []BreachReport {
	var out []BreachReport
	for _, b := range o.breaches {
		report := BreachReport{Breach: b}
		if _, noted := k.breachedNoted[b.Name]; noted || k.acts { // who only looks sees it for the first time
			report.Since = k.breached[b.Name]
		}
		out = append(out, report)
	}
	return out
}
