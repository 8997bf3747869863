package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/invariant"
	"cutover/reconciler/phase"
)

// branchPrefix begins the name of every migration's branch.
const branchPrefix = "migration/"

// Scope says what a pass takes for granted.
type Scope int

const (
	// Changed looks only at what may have changed since the last pass.
	Changed Scope = iota
	// Full asks for everything anew.
	Full
)

// Pass brings every migration as far as it can go now, and moves heads along with its own commits. One migration's
// failure stops no other. It returns when to look again at the latest; zero leaves it to what is watched.
func (r *Reconciler) Pass(ctx context.Context, heads estate.Heads, scope Scope) (time.Time, error) {
	var again time.Time
	errs := []error{r.KeepTraffic(ctx)} // before anything that may be slow
	r.retire(heads)
	for _, branch := range branches(heads) {
		r.knowledgeOf(branch).heads = heads
		report, err := r.migrate(ctx, branch, heads[branch], scope, true)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", branch, err))
		}
		r.publish(report)
		heads[branch] = report.Commit
		again = phase.Earlier(again, report.Again)
	}
	return again, errors.Join(errs...)
}

// Plan is what Pass would do first, and what it would repair: it writes nothing.
func (r *Reconciler) Plan(ctx context.Context, heads estate.Heads) ([]Report, error) {
	var (
		out  []Report
		errs []error
	)
	for _, branch := range branches(heads) {
		r.knowledgeOf(branch).heads = heads
		report, err := r.migrate(ctx, branch, heads[branch], Full, false)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", branch, err))
		}
		out = append(out, report)
	}
	return out, errors.Join(errs...)
}

func branches(heads estate.Heads) []string {
	var out []string
	for branch := range heads {
		if strings.HasPrefix(branch, branchPrefix) {
			out = append(out, branch)
		}
	}
	slices.Sort(out)
	return out
}

// migrate takes one migration as far as it can go now, or, if it may not act, only looks.
func (r *Reconciler) migrate(ctx context.Context, branch, head string, scope Scope, act bool) (Report, error) {
	k := r.knowledgeOf(branch)
	if scope == Full {
		k.forget()
	}
	k.passes++
	k.acts = act
	started, before := r.Now(), r.done.counts()
	pass := func(done bool) Pass {
		return Pass{
			Number: k.passes, Full: scope == Full, Done: done,
			Started: started, Seconds: r.Now().Sub(started).Seconds(), Counts: r.done.counts().minus(before),
		}
	}
	report := k.report // an error does not take away what is known, but for when to look again
	told := report.Error
	report.Again = time.Time{}
	var last outlook
	head, current, err := r.advance(ctx, branch, head, k, act, func(o outlook) {
		last = o
		report = r.reportOn(branch, o, k)
		report.Pass, report.Total = pass(false), r.done.counts()
		r.publish(report)
	})
	if current && act && r.Repair && k.course.refused.Code == "" && k.unusable == nil {
		err = errors.Join(err, r.repair(ctx, k.desired, k, len(last.breaches) > 0))
	}
	if last.desired != nil && act && ctx.Err() == nil {
		err = errors.Join(err, r.converse(ctx, last, k))
	}
	report.Branch, report.Commit, report.Repaired = branch, head, slices.Clone(k.repaired)
	report.Pass, report.Total = pass(true), r.done.counts()
	report.Error = ""
	if err != nil {
		report.Error = err.Error()
	}
	k.report = report
	if isBadInput(err) {
		if report.Error != told {
			r.Log.ErrorContext(ctx, "nothing goes forward from what cannot be used", "error", err)
		}
		return report, nil // trying again helps nothing: a new commit does
	}
	return report, err
}

// outlook is what a pass found and decided last.
type outlook struct {
	head     string // of the branch
	desired  *desired
	evidence evidence.Evidence
	decision phase.Decision
	breaches []invariant.Breach
}

// advance observes, decides and obeys until nothing more can be done now. It tells every decision before it obeys, and
// returns the branch's head, which its own commits move, and whether what is known is from after its last effect. An
// action that was done and is wanted again at once has no effect: that is an error, so that a pass always ends.
func (r *Reconciler) advance(ctx context.Context, branch, head string, k *knowledge, act bool, tell func(outlook)) (string, bool, error) {
	var failed error // of some actions; what became of the others is still looked at
	obeyed := map[string]bool{}
	for {
		o, err := r.look(ctx, branch, head, k)
		if o.decision.Kind == "" {
			return head, false, errors.Join(failed, err)
		}
		tell(o)
		if act {
			err = errors.Join(err, r.keepRecord(ctx, o, k))
		}
		if failed != nil || len(o.decision.Actions) == 0 || !act {
			return head, err == nil, errors.Join(failed, err)
		}
		for _, a := range o.decision.Actions {
			effect := effectOf(a, o.head)
			if obeyed[effect] {
				return head, true, fmt.Errorf("step %d: %s %s was done, and is still to be done: %s", a.Step, a.Verb, a.Target, a.Reason)
			}
			obeyed[effect] = true
		}
		head, failed = r.obey(ctx, o, k)
		if errors.Is(failed, failure.ErrConflict) || ctx.Err() != nil {
			return head, false, errors.Join(failed, ctx.Err()) // what was decided on is no longer so
		}
	}
}

// look reads what git names, observes the world, and decides. With an outlook that has a decision, an error is of systems
// that could not be looked at, or of a newest commit that cannot be used: what was decided rests on the others.
func (r *Reconciler) look(ctx context.Context, branch, head string, k *knowledge) (outlook, error) {
	d, err := r.usable(ctx, branch, head, k)
	if err != nil {
		return outlook{}, err
	}
	c, err := r.courseOf(ctx, d, head, k)
	if err != nil {
		return outlook{}, err
	}
	k.course = c
	if k.acts {
		r.keep(branch, d, c, nil) // traffic goes back now, whatever does not answer below
	}
	o := outlook{head: head, desired: d}
	o.evidence, err = r.observe(ctx, d, k)
	if err != nil {
		err = fmt.Errorf("observe: %w", err)
		if len(o.evidence.Unseen) == 0 {
			return outlook{}, err
		}
	}
	if k.acts && !o.evidence.IsUnseen(evidence.TheObjects, evidence.TheServices, evidence.TheSingletons) {
		r.keep(branch, d, c, &o.evidence)
	}
	why := k.course.refused
	if why.Code == "" && k.unusable != nil {
		why = phase.Reason{Code: phase.BranchUnusable, Text: k.unusable.Error()}
	}
	if why.Code != "" {
		o.decision = phase.Refused(&d.migration, k.course.at, &o.evidence, why, r.Now())
	} else {
		o.decision = r.Decide(&d.migration, k.course.at, &o.evidence, r.Now())
	}
	r.recallBreaches(ctx, d, k)
	r.guard(&o, k)
	if why.Code != "" && o.decision.Reason.Code == phase.Breached { // what a person has to put right first
		o.decision.Kind, o.decision.Step, o.decision.Reason = phase.Refuse, 0, why
	}
	if k.unusable != nil {
		err = errors.Join(err, k.unusable)
	}
	return o, err
}

// lookBack is how many commits are gone back over for one that can be used.
const lookBack = 100

// usable reads a branch's newest commit, or, if that cannot be used, the newest one before it that can: what was reached is
// kept up as that has it. Its error is a *BadInput if there is none.
func (r *Reconciler) usable(ctx context.Context, branch, head string, k *knowledge) (*desired, error) {
	if k.unusable != nil && k.unusable.Commit == head {
		return k.desired, nil
	}
	d, err := r.desireOnce(ctx, branch, head, k)
	var bad *BadInput
	if !errors.As(err, &bad) {
		k.unusable = nil
		return d, err
	}
	line, err := r.History.Line(head, lookBack)
	if err != nil {
		return nil, errors.Join(bad, err)
	}
	for _, c := range line[1:] {
		d, err := r.desireOnce(ctx, branch, c.Hash, k)
		if err == nil {
			k.unusable = bad
			return d, nil
		}
		if !isBadInput(err) {
			return nil, errors.Join(bad, err)
		}
	}
	return nil, bad
}

// desireOnce reads a commit, unless it is the one that was read last, and whole.
func (r *Reconciler) desireOnce(ctx context.Context, branch, head string, k *knowledge) (*desired, error) {
	if k.desired != nil && k.desired.head == head && k.desired.unrendered == nil {
		return k.desired, nil
	}
	d, err := r.desire(ctx, branch, head, k.desired)
	if err != nil {
		return nil, err
	}
	k.desired = d
	if len(k.rejected.value) > 0 { // the commit may be the one that puts it right
		k.survey.forget()
		k.rejected.forget()
	}
	return d, nil
}
