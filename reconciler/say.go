package reconciler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"

	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/reconciler/evidence"
	"cutover/reconciler/invariant"
	"cutover/reconciler/phase"
	"cutover/templates"
)

var texts = func() map[string]*template.Template {
	all := map[string]*template.Template{}
	for _, name := range []string{"proposal", "plan", "progress", "retreat", "frozen"} {
		all[name] = template.Must(template.New(name).Parse(templates.Review(name)))
	}
	return all
}()

// text fills a template of what is said on pull requests.
func text(name string, data map[string]any) string {
	var b bytes.Buffer
	if err := texts[name].Execute(&b, data); err != nil {
		return fmt.Sprintf("cutover could not write this text: %v", err) // a mistake of the program: the rest goes on
	}
	return strings.TrimSpace(b.String()) + "\n"
}

// plan is what the plan of a pull request was made from, and when.
type plan struct {
	of string
	at time.Time
}

// planFor is how long a plan is left alone while neither the branch nor the pull request moves.
const planFor = 30 * time.Second

// showPlan tells a pull request what its marker would do: the runbook, run on a copy of the evidence.
func (r *Reconciler) showPlan(ctx context.Context, o outlook, k *knowledge, p review.PullRequest, to estate.Marker) error {
	d, now := o.desired, r.Now()
	of, where := fmt.Sprint(o.head, " ", p.Commit, " ", k.course.at), fmt.Sprint(p.Number)
	if last := k.plans[where]; last.of == of && now.Sub(last.at) < planFor {
		return nil
	}
	e, err := r.foresee(ctx, d, k, to)
	if err != nil && len(e.Unseen) == 0 {
		return fmt.Errorf("plan of pull request #%d: %w", p.Number, err)
	}
	e.Marker = evidence.Marker{Commit: p.Commit, PullRequest: p.Number, Trailer: to.Phase.String(), Before: k.course.at, Reviewed: true}
	rows, effects := rowsOf(phase.Plan(&d.migration, to, &e, now))
	data := map[string]any{
		"Title": phase.Title(to), "Reversibility": phase.ReversibilityOf(to.Phase), "Steps": rows,
		"Breaches": o.breaches, "Invariants": strings.Join(invariant.Names, ", "),
	}
	if to.Phase == estate.Freeze {
		list := phase.ResyncOf(&d.migration, &e, now)
		k.resync = &list
		data["Drift"] = resyncLines(list)
	}
	status := review.Status{
		Context: statusContext(d, to), State: review.Success,
		Text: fmt.Sprintf("%s: %d effects, %s", phase.Title(to), effects, phase.ReversibilityOf(to.Phase)),
	}
	if len(e.Unseen) > 0 {
		data["Blind"] = true
		status.Text = fmt.Sprintf("%s: %s could not be looked at, so there is no plan", phase.Title(to), e.Unseen[0].What)
		if !isBehindOf(to, k.course.at) { // to go back waits for nothing
			status.State = review.Pending
		}
	}
	if _, told := k.plans[where]; !told {
		if err := r.readmit(ctx, d, k, p.Commit); err != nil {
			return err
		}
	}
	said := text("plan", data)
	if err := errors.Join(r.setStatus(ctx, k, p.Commit, status), r.comment(ctx, k, p.Number, "plan", said, said)); err != nil {
		return err
	}
	k.plans[where] = plan{of, now}
	return nil
}

// readmit takes back what was said of a commit while its pull request was for another branch.
func (r *Reconciler) readmit(ctx context.Context, d *desired, k *knowledge, commit string) error {
	statuses, err := r.Conversations.Statuses(ctx, commit)
	if err != nil {
		return fmt.Errorf("statuses of %.10s: %w", commit, err)
	}
	elsewhere := statusContext(d, estate.Marker{})
	if !slices.ContainsFunc(statuses, func(s review.Status) bool { return s.Context == elsewhere && s.State == review.Failure }) {
		return nil
	}
	return r.setStatus(ctx, k, commit, review.Status{Context: elsewhere, State: review.Success, Text: "The marker is proposed to its own branch"})
}

// foresee gathers the evidence that a marker would be acted on with: also of what the migration has not reached yet.
func (r *Reconciler) foresee(ctx context.Context, d *desired, k *knowledge, to estate.Marker) (evidence.Evidence, error) {
	course := k.course
	ahead := *course
	ahead.reached = max(course.reached, to.Phase)
	k.course = &ahead
	defer func() { k.course = course }()
	return r.observe(ctx, d, k)
}

// tellProgress tells the pull request that brought the marker how far it has come, or why it was refused.
func (r *Reconciler) tellProgress(ctx context.Context, o outlook, k *knowledge) error {
	newest := k.course.newest
	if newest.PullRequest == 0 {
		return nil
	}
	at := k.course.at
	if why := k.course.refused; why.Code != "" {
		says := k.course.says
		return errors.Join(
			r.setStatus(ctx, k, newest.Commit, refusedStatus(o.desired, says, why)),
			r.comment(ctx, k, newest.PullRequest, "plan", refusedText(says, why), string(why.Code)+why.Text),
			r.tellRetreat(ctx, o, k),
		)
	}
	state, status := "working", review.Pending
	switch {
	case o.decision.Kind == phase.Advance:
		state, status = "complete", review.Success
	case o.evidence.Edge.Bake.Failed != "" || o.decision.Kind == phase.Retreat:
		state, status = "failed", review.Failure
	case o.decision.Kind == phase.Hold || o.decision.Kind == phase.Refuse:
		state = "waiting"
	}
	data := map[string]any{
		"Title": phase.Title(at), "State": state, "Kind": o.decision.Kind, "Reason": o.decision.Reason, "Breaches": breachesOf(o, k), "Checks": o.evidence.Edge.Checks,
		"Steps": phase.Overview(&o.desired.migration, at, &o.evidence, r.Now()), "Edge": edgeReport(&o.evidence), "Failures": failures(&o.evidence),
	}
	errs := []error{
		r.setStatus(ctx, k, newest.Commit, review.Status{Context: statusContext(o.desired, at), State: status, Text: fmt.Sprintf("%s: %s (%s)", phase.Title(at), o.decision.Kind, o.decision.Reason.Code)}),
		r.comment(ctx, k, newest.PullRequest, "progress", text("progress", data), state+" "+string(o.decision.Reason.Code)),
		r.tellFreeze(ctx, o, k),
		r.tellRetreat(ctx, o, k),
	}
	return errors.Join(errs...)
}

// tellRetreat tells the pull request whose weight failed, also while a newer marker is refused.
func (r *Reconciler) tellRetreat(ctx context.Context, o outlook, k *knowledge) error {
	bake, counts := o.evidence.Edge.Bake, k.course.stands()
	if bake.Failed == "" || bake.Commit != counts.Commit || counts.PullRequest == 0 {
		return nil
	}
	said := text("retreat", map[string]any{
		"Good": bake.Good, "Weight": bake.Weight, "Failed": bake.Failed, "After": "it was set at " + bake.Since.UTC().Format(time.RFC3339),
		"Silent": silent(&o.evidence),
	})
	return r.comment(ctx, k, counts.PullRequest, fmt.Sprintf("retreat-%d", bake.Weight), said, said)
}

// silent are the proxies that did not answer.
func silent(e *evidence.Evidence) string {
	var names []string
	for _, p := range e.Edge.Proxies {
		if p.Unreachable != "" {
			names = append(names, p.Name)
		}
	}
	return strings.Join(names, ", ")
}

// failures are the services whose last deployment failed, with the execution to look at.
func failures(e *evidence.Evidence) []string {
	var out []string
	for _, s := range e.Services {
		switch {
		case s.Blocked != "":
			out = append(out, fmt.Sprintf("%s: %s", s.ID, oneLine(s.Blocked)))
		case len(s.Deployments) > 0 && s.Deployments[0].Reason != "":
			last := s.Deployments[0]
			id := last.ID
			if last.URL != "" {
				id = "[" + id + "](" + last.URL + ")"
			}
			out = append(out, fmt.Sprintf("%s: execution %s %s: %s", s.ID, id, last.Status, oneLine(last.Reason)))
		}
	}
	return out
}

// tellFreeze announces the freeze under the pull request that began it.
func (r *Reconciler) tellFreeze(ctx context.Context, o outlook, k *knowledge) error {
	number := k.course.began(estate.Freeze).PullRequest
	if number == 0 || k.course.at.Phase < estate.Freeze {
		return nil
	}
	m := o.desired.migration
	said := text("frozen", map[string]any{
		"Product": m.Product, "Stack": m.From.Stack, "Pipelines": len(o.evidence.Freeze.Pipelines), "Reviews": len(o.evidence.Freeze.Reviews),
		"BreakGlass": m.BreakGlassPath(), "Branch": m.Branch, "Opened": o.evidence.Freeze.Opened,
	})
	return r.comment(ctx, k, number, "frozen", said, said)
}
