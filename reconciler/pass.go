package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/phase"
)

// branchPrefix begins the name of every migration's branch.
const branchPrefix = "migration/"

// rounds bounds how often one pass decides, so that a decision that its own actions never satisfy cannot spin.
const rounds = 100

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
	var (
		again time.Time
		errs  []error
	)
	for _, branch := range branches(heads) {
		report, err := r.migrate(ctx, branch, heads[branch], scope, true)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", branch, err))
		}
		r.publish(report)
		if report.Commit != "" {
			heads[branch] = report.Commit
		}
		if until := report.Again; !until.IsZero() && (again.IsZero() || until.Before(again)) {
			again = until
		}
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
	started := r.Now()
	before := r.done.counts()
	k := r.knowledgeOf(branch)
	if scope == Full {
		k.forget()
	}
	k.passes++
	d, e, decision, err := r.advance(ctx, branch, head, k, act)
	report := r.reportOn(branch, d, e, decision, k)
	if err == nil && decision.Kind != phase.Refuse && act && r.Repair {
		err = r.repair(ctx, d, k)
		report.Repaired = k.repaired
	}
	if err != nil {
		report.Error = err.Error()
	}
	report.Pass = r.done.counts().minus(before)
	report.Pass.Number, report.Pass.Full = k.passes, scope == Full
	report.Pass.Started, report.Pass.Seconds = started, r.Now().Sub(started).Seconds()
	var bad *BadInput
	if errors.As(err, &bad) {
		r.Log.ErrorContext(ctx, "nothing is done from a branch that cannot be used", "error", err)
		return report, nil // trying again helps nothing: a new commit does
	}
	return report, err
}

// advance observes, decides and obeys until nothing more can be done now. Its values are those of the last
// decision.
func (r *Reconciler) advance(ctx context.Context, branch, head string, k *knowledge, act bool) (*desired, *phase.Evidence, phase.Decision, error) {
	var (
		d        *desired
		e        phase.Evidence
		decision phase.Decision
		err      error
	)
	for range rounds {
		if d, err = r.desireOnce(ctx, branch, head, k); err != nil {
			return d, &e, decision, err
		}
		if e, err = r.observe(ctx, d, k); err != nil {
			return d, &e, decision, fmt.Errorf("observe: %w", err)
		}
		decision = phase.Next(&d.migration, &e, r.Now())
		if decision.Kind != phase.Do || !act {
			return d, &e, decision, nil
		}
		r.publish(r.reportOn(branch, d, &e, decision, k))
		if head, err = r.obey(ctx, d, &e, decision.Actions, k); err != nil {
			return d, &e, decision, err
		}
		if err := ctx.Err(); err != nil {
			return d, &e, decision, err
		}
	}
	return d, &e, decision, fmt.Errorf("step %d is not done after %d rounds: %s", decision.Step, rounds, decision.Reason.Text)
}

// desireOnce reads a commit, unless it is the one that was read last.
func (r *Reconciler) desireOnce(ctx context.Context, branch, head string, k *knowledge) (*desired, error) {
	if k.desired != nil && k.desired.head == head {
		return k.desired, nil
	}
	d, err := r.desire(ctx, branch, head)
	if err != nil {
		return nil, err
	}
	k.desired = d
	return d, nil
}
