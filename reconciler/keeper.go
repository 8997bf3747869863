package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/invariant"
	"cutover/reconciler/phase"
)

// keeper keeps up the weights of the edge apart from everything else: a pass asks a dozen systems, and none of them that
// is away or slow may keep traffic from going back. It knows what the last passes left, and asks the proxies alone; the
// metrics only after it has done what those ask for, and without keeping anybody else from the edge.
type keeper struct {
	mu sync.Mutex // guards what follows, and is held while the edge is read and changed
	of map[string]*kept
	// windows are what the proxies counted lately.
	windows map[estate.MigrationName]phase.Window
	// bakes are the notes as they were last read or written: nobody else writes them, so that they count while the journal
	// cannot be read.
	bakes map[estate.MigrationName]evidence.Bake
	// unwritten are the bakes that could not be written to the journal: those that failed, and those to be judged.
	unwritten map[estate.MigrationName]evidence.Bake
}

// kept is what a pass left of one migration.
type kept struct {
	desired  *desired
	course   course
	evidence evidence.Evidence // of the last look at which the services and their singletons were seen
	looked   bool              // there was one
	analysis analysis
	failed   attempt
}

// attempt is a change of the edge that failed, and how that went on.
type attempt struct {
	what string
	err  error
	wait time.Duration
	next time.Time
}

// keepFor is how long one look at the edge may take, with all that follows from it.
const keepFor = 10 * time.Second

// settleFor bounds how many decisions one look at the edge takes.
const settleFor = 4

// retryMost is how long the same change of the edge waits at most to be tried again.
const retryMost = 15 * time.Second

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
		next.evidence, next.looked, next.analysis, next.failed = old.evidence, old.looked, old.analysis, old.failed
	}
	if e != nil {
		next.evidence, next.looked = *e, true
	}
	r.keeper.of[branch] = next
}

// KeepTraffic looks at the edge proxies of every migration that has reached the canary, puts back weights that were lost,
// and takes back a weight that fails its checks. It raises nothing. It is safe beside a pass; call it every second.
func (r *Reconciler) KeepTraffic(ctx context.Context) error {
	r.keeper.mu.Lock()
	branches := slices.Sorted(maps.Keys(r.keeper.of))
	r.keeper.mu.Unlock()
	var errs []error
	for _, branch := range branches {
		if err := r.keepTraffic(ctx, branch); err != nil {
			errs = append(errs, fmt.Errorf("%s: the edge: %w", branch, err))
		}
	}
	return errors.Join(errs...)
}

// keepTraffic does what the proxies ask for, and then what the migration's queries do.
func (r *Reconciler) keepTraffic(ctx context.Context, branch string) error {
	d, bake, failed := r.keepUp(ctx, branch)
	if d == nil {
		return failed
	}
	checks, err := r.analyse(ctx, d, bake)
	if err == nil && r.learn(branch, bake, checks) {
		_, _, failed = r.keepUp(ctx, branch)
	}
	return errors.Join(failed, err)
}

// learn leaves to the keeper what the queries said, and tells whether one of them fails the weight.
func (r *Reconciler) learn(branch string, bake evidence.Bake, checks []evidence.Check) bool {
	r.keeper.mu.Lock()
	defer r.keeper.mu.Unlock()
	if k := r.keeper.of[branch]; k != nil {
		_, _ = k.analysis.get(bake, r.Now(), func() ([]evidence.Check, error) { return checks, nil })
	}
	return slices.ContainsFunc(checks, func(c evidence.Check) bool { return c.Verdict == evidence.Fail })
}

// keepUp acts on the edge as it is now until nothing is to be done, or can be. If the queries have to be asked what they
// say of the weight that stands, it gives the migration and its bake, and else no migration.
func (r *Reconciler) keepUp(ctx context.Context, branch string) (ask *desired, bake evidence.Bake, err error) {
	r.keeper.mu.Lock()
	defer r.keeper.mu.Unlock()
	k := r.keeper.of[branch]
	if k == nil {
		return nil, bake, nil
	}
	ctx, cancel := context.WithTimeout(ctx, keepFor)
	defer cancel()
	for range settleFor {
		e := evidence.Evidence{Marker: k.course.stands()}
		if e.Edge, err = r.edgeLocked(ctx, k.desired, true); err != nil {
			return nil, bake, err
		}
		bake, ask = e.Edge.Bake, nil
		switch {
		case !phase.Judged(bake) || len(k.desired.migration.Edge.Analysis) == 0:
		case sameBake(k.analysis.of, bake) && r.Now().Before(k.analysis.until):
			e.Edge.Checks = append(e.Edge.Checks, k.analysis.value...)
		default:
			ask = k.desired
		}
		decision, ok := phase.Keep(&k.desired.migration, k.course.at, &e, r.Now())
		if !ok {
			return ask, bake, nil
		}
		for _, a := range decision.Actions {
			a.Step = decision.Step
			if done, err := r.keepOne(ctx, k, &e, a); err != nil || !done {
				return ask, bake, err
			}
		}
	}
	return ask, bake, nil
}

// keepOne performs one action, and tells whether it did. What failed is tried again less and less often: the proxy that
// refuses it will hardly have changed its mind, and the journal is not to fill with it.
func (r *Reconciler) keepOne(ctx context.Context, k *kept, e *evidence.Evidence, a phase.Action) (bool, error) {
	what := fmt.Sprint(a.Verb, " ", a.Weight, " ", a.Items)
	if k.failed.what == what && r.Now().Before(k.failed.next) {
		return false, k.failed.err
	}
	if !r.mayKeep(k, e, a) {
		return false, nil
	}
	err := r.journaled(ctx, k.desired, k.course.at, a, !phase.Lifts(a, e), func(ctx context.Context) error {
		return r.moveLocked(ctx, k.desired, e.Marker, e.Edge, a)
	})
	if err != nil {
		wait := time.Second
		if k.failed.what == what {
			wait = min(2*k.failed.wait, retryMost)
		}
		k.failed = attempt{what: what, err: err, wait: wait, next: r.Now().Add(wait)}
		return false, err
	}
	k.failed = attempt{}
	r.Log.InfoContext(ctx, "kept", "step", a.Step, "verb", a.Verb, "weight", a.Weight, "reason", a.Reason)
	return true, nil
}

// mayKeep holds putting a weight back, which gives the new cluster traffic, to the invariants on what the last pass saw.
// Traffic may always go back.
func (r *Reconciler) mayKeep(k *kept, e *evidence.Evidence, a phase.Action) bool {
	if !phase.Lifts(a, e) {
		return true
	}
	if !k.looked {
		return false
	}
	m, now := &k.desired.migration, r.Now()
	seen := k.evidence
	seen.Marker, seen.Edge = e.Marker, e.Edge
	after := phase.After(m, k.course.at, &seen, a, now)
	if len(seen.Unseen) > 0 {
		return r.fit(m, k.course.at, &seen, &after)
	}
	return invariant.Allows(r.Check(m, k.course.at, &seen, now), r.Check(m, k.course.at, &after, now), phase.Risks(a, &seen))
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
	return a.Commit == b.Commit && a.Weight == b.Weight && a.Since.Equal(b.Since) && a.Passed == b.Passed && a.Failed == b.Failed && a.Lost == b.Lost
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

// bakeLocked is the note of the weight that bakes; zero if none does.
func (r *Reconciler) bakeLocked(ctx context.Context, d *desired) (evidence.Bake, error) {
	if b, ok := r.keeper.unwritten[d.migration.Name]; ok {
		return b, r.setBake(ctx, d, b) // perhaps there is room by now
	}
	var b evidence.Bake
	if _, err := r.note(ctx, d, bakeKey, &b); err != nil {
		b, known := r.keeper.bakes[d.migration.Name]
		if !known || ctx.Err() != nil {
			return b, err
		}
		return b, nil
	}
	r.keeper.bakes[d.migration.Name] = b
	return b, nil
}

// setBake notes how the weight that bakes stands. That it failed, or is to be judged, counts also if it cannot be written
// down: after a crash it is found out again.
func (r *Reconciler) setBake(ctx context.Context, d *desired, b evidence.Bake) error {
	err := r.setNote(ctx, d, bakeKey, b)
	if err != nil && (b.Failed != "" || b.Begun()) {
		r.keeper.unwritten[d.migration.Name] = b
		r.Log.ErrorContext(ctx, "how the weight stands is not in the journal yet", "weight", b.Weight, "failed", b.Failed, "error", err)
		return nil
	}
	if err == nil {
		r.keeper.bakes[d.migration.Name] = b
		delete(r.keeper.unwritten, d.migration.Name)
	}
	return err
}
