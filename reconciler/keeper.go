package reconciler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/invariant"
	"cutover/reconciler/phase"
)

// keeper keeps up the weights of the edge apart from everything else: a pass asks a dozen systems, and none of them that
// is away or slow may keep traffic from going back. It knows what the last passes left, and asks the proxies and the
// metrics alone.
type keeper struct {
	mu sync.Mutex // guards what follows, and is held while the edge is changed
	of map[string]*kept
	// failed are the bakes whose failure could not be written to the journal.
	failed map[estate.MigrationName]evidence.Bake
}

// kept is what a pass left of one migration.
type kept struct {
	desired  *desired
	course   course
	evidence evidence.Evidence
	checks   fresh[[]evidence.Check]
}

// keepFor is how long one look at the edge may take.
const keepFor = 10 * time.Second

// settleFor bounds how many decisions one look at the edge takes.
const settleFor = 4

// keep leaves to the keeper what a pass found. Without evidence, the older one stays.
func (r *Reconciler) keep(branch string, d *desired, c *course, e *evidence.Evidence) {
	r.keeper.mu.Lock()
	defer r.keeper.mu.Unlock()
	if c.reached < estate.Canary || len(d.migration.Edge.Proxies) == 0 || r.Edge == nil {
		delete(r.keeper.of, branch)
		return
	}
	next := &kept{desired: d, course: *c}
	if old := r.keeper.of[branch]; old != nil {
		next.evidence, next.checks = old.evidence, old.checks
	}
	if e != nil {
		next.evidence = *e
	}
	r.keeper.of[branch] = next
}

// KeepTraffic looks at the edge proxies of every migration that has reached the canary, puts back weights that were lost,
// and takes back a weight that fails its checks. It raises nothing. It is safe beside a pass; call it every second.
func (r *Reconciler) KeepTraffic(ctx context.Context) error {
	r.keeper.mu.Lock()
	defer r.keeper.mu.Unlock()
	var errs []error
	for branch, k := range r.keeper.of {
		ctx, cancel := context.WithTimeout(ctx, keepFor)
		if err := r.keepTraffic(ctx, k); err != nil {
			errs = append(errs, fmt.Errorf("%s: the edge: %w", branch, err))
		}
		cancel()
	}
	return errors.Join(errs...)
}

func (r *Reconciler) keepTraffic(ctx context.Context, k *kept) error {
	m := &k.desired.migration
	for range settleFor {
		e, err := r.lookAtEdge(ctx, k)
		if err != nil {
			return err
		}
		decision, ok := phase.Keep(m, k.course.at, &e, r.Now())
		if !ok || len(decision.Actions) == 0 {
			return nil
		}
		for _, a := range decision.Actions {
			if !r.mayKeep(k, &e, a) {
				return nil
			}
			a.Step = decision.Step
			lowers := !phase.Raises(a, &e)
			if err := r.journaled(ctx, k.desired, k.course.at, a, lowers, func(ctx context.Context) error {
				return r.moveLocked(ctx, k.desired, e.Marker, e.Edge, a)
			}); err != nil {
				return err
			}
			r.Log.InfoContext(ctx, "kept", "step", a.Step, "verb", a.Verb, "weight", a.Weight, "reason", a.Reason)
		}
	}
	return nil
}

// lookAtEdge is evidence of the marker and the edge alone.
func (r *Reconciler) lookAtEdge(ctx context.Context, k *kept) (evidence.Evidence, error) {
	edge := k.desired.migration.Edge
	e := evidence.Evidence{Marker: k.course.newest}
	var err error
	if e.Edge.Proxies, err = r.Edge.Proxies(ctx, edge.Proxies, edge.Backend, edge.From, edge.To); err != nil {
		return e, err
	}
	if e.Edge.Bake, err = r.bakeLocked(ctx, k.desired); err != nil || !judged(e.Edge.Bake) {
		return e, err
	}
	e.Edge.Checks, err = k.checks.get(r.Now(), checksFor, func() ([]evidence.Check, error) { return r.checks(ctx, k.desired, e.Edge) })
	return e, err
}

// mayKeep holds putting a weight back, which gives the new cluster traffic, to the invariants on what the last pass saw.
// Traffic may always go back.
func (r *Reconciler) mayKeep(k *kept, e *evidence.Evidence, a phase.Action) bool {
	if !phase.Raises(a, e) {
		return true
	}
	m, now := &k.desired.migration, r.Now()
	seen := k.evidence
	seen.Marker, seen.Edge = e.Marker, e.Edge
	after := phase.After(m, k.course.at, &seen, a, now)
	return invariant.Allows(r.Check(m, k.course.at, &seen, now), r.Check(m, k.course.at, &after, now), true)
}

// move changes the edge or its note, if what was decided on is still so.
func (r *Reconciler) move(ctx context.Context, d *desired, marker evidence.Marker, seen evidence.Edge, a phase.Action) error {
	r.keeper.mu.Lock()
	defer r.keeper.mu.Unlock()
	bake, err := r.bakeLocked(ctx, d)
	if err != nil {
		return err
	}
	if !sameBake(bake, seen.Bake) {
		return fmt.Errorf("%w: the bake of weight %d%% has gone on meanwhile", failure.ErrConflict, bake.Weight)
	}
	return r.moveLocked(ctx, d, marker, seen, a)
}

func sameBake(a, b evidence.Bake) bool {
	return a.Commit == b.Commit && a.Weight == b.Weight && a.Since.Equal(b.Since) && a.Passed == b.Passed && a.Failed == b.Failed
}

func (r *Reconciler) moveLocked(ctx context.Context, d *desired, marker evidence.Marker, seen evidence.Edge, a phase.Action) error {
	edge := d.migration.Edge
	if a.Verb != phase.SetWeight {
		e := evidence.Evidence{Marker: marker, Edge: seen}
		return r.setBake(ctx, d, phase.Noted(&d.migration, &e, a, r.Now()))
	}
	proxies := edge.Proxies
	if len(a.Items) > 0 {
		proxies = a.Items // those that answer: traffic goes back at once where it can
	}
	return r.Edge.SetWeight(ctx, proxies, edge.Backend, edge.From, edge.To, a.Weight)
}

// bakeOf is the note of the weight that bakes; zero if none does.
func (r *Reconciler) bakeOf(ctx context.Context, d *desired) (evidence.Bake, error) {
	r.keeper.mu.Lock()
	defer r.keeper.mu.Unlock()
	return r.bakeLocked(ctx, d)
}

func (r *Reconciler) bakeLocked(ctx context.Context, d *desired) (evidence.Bake, error) {
	if b, ok := r.keeper.failed[d.migration.Name]; ok {
		return b, r.setBake(ctx, d, b) // perhaps there is room by now
	}
	var b evidence.Bake
	_, err := r.note(ctx, d, bakeKey, &b)
	return b, err
}

// setBake notes how the weight that bakes stands. That it failed counts also if it cannot be written down.
func (r *Reconciler) setBake(ctx context.Context, d *desired, b evidence.Bake) error {
	err := r.setNote(ctx, d, bakeKey, b)
	if err != nil && b.Failed != "" {
		r.keeper.failed[d.migration.Name] = b
		r.Log.ErrorContext(ctx, "that a weight failed is not in the journal yet", "weight", b.Weight, "error", err)
		return nil
	}
	if err == nil {
		delete(r.keeper.failed, d.migration.Name)
	}
	return err
}
