package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/gitops/values"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/phase"
)

// converse keeps the git host up to date: it proposes the next checkpoint once everything up to the last one is done,
// tells every open pull request that touches a marker what it would do, and the merged one how far it has come.
func (r *Reconciler) converse(ctx context.Context, o outlook, k *knowledge) error {
	if r.Reviews == nil || o.desired == nil {
		return nil
	}
	open, err := r.openReviews(ctx, k)
	if err != nil {
		return err
	}
	k.keepReviews(open, r.Now())
	return errors.Join(
		r.propose(ctx, o, k, open),
		r.judgeReviews(ctx, o, k, open),
		r.tellProgress(ctx, o, k),
		r.tidyBranches(ctx, o, k, open),
	)
}

func (r *Reconciler) openReviews(ctx context.Context, k *knowledge) ([]review.PullRequest, error) {
	return k.open.get(r.Now(), reviewsFor, func() ([]review.PullRequest, error) { return r.Reviews.Open(ctx) })
}

// What was said is remembered for at least a while, and of so much at most.
const (
	saidFor  = time.Hour
	mostSaid = 1000
)

// keepReviews drops what is known of pull requests that are open no more.
func (k *knowledge) keepReviews(open []review.PullRequest, now time.Time) {
	keys, numbers := map[string]bool{}, map[string]bool{}
	for _, p := range open {
		keys[pathsKey(p)], numbers[fmt.Sprint(p.Number)] = true, true
	}
	maps.DeleteFunc(k.paths, func(key string, _ changedPaths) bool { return !keys[key] })
	maps.DeleteFunc(k.plans, func(number string, _ plan) bool { return !numbers[number] })
	if len(k.said) > mostSaid {
		maps.DeleteFunc(k.said, func(_ string, s said) bool { return now.Sub(s.at) > saidFor })
	}
}

// AdvanceBranch is the branch from which a marker is proposed.
func AdvanceBranch(m *estate.Migration, to estate.Marker) string {
	name := to.Phase.String()
	if to.Phase == estate.Canary {
		name = fmt.Sprintf("%s-%d", name, to.Weight)
	}
	if to.Attempt > 1 {
		name = fmt.Sprintf("%s-attempt-%d", name, to.Attempt)
	}
	if to.Paused != "" {
		name += "-pause"
	}
	return "advance/" + m.Name.String() + "/" + name
}

// MarkerChange is the commit that proposes a marker on top of parent.
func MarkerChange(m *estate.Migration, to estate.Marker, parent string) estate.Change {
	return estate.Change{
		Branch: AdvanceBranch(m, to), Parent: parent,
		Write:   []estate.File{{Path: m.MarkerPath(), Data: values.MarkerFile(to)}},
		Message: fmt.Sprintf("Move %s to %s\n\n%s%s\n", m.Name, phase.Title(to), trailer, to.Phase),
	}
}

// MarkerDraft is the pull request that proposes a marker.
func MarkerDraft(m *estate.Migration, from, to estate.Marker) review.Draft {
	return review.Draft{
		Head: AdvanceBranch(m, to), Base: m.Branch,
		Title: fmt.Sprintf("%s: %s", m.Name, phase.Title(to)),
		Body: text("proposal", map[string]any{
			"Migration": m.Name, "Before": phase.Title(from), "After": phase.Title(to), "MarkerPath": m.MarkerPath(),
		}),
	}
}

// proposed is what was proposed last: from which branch, and while which marker stood.
type proposed struct {
	Head   string `json:"head"`
	Marker string `json:"marker"`
}

// proposedKey is the note of it.
const proposedKey = "proposed"

// propose opens the pull request for the next checkpoint. One that is open already is left as it is.
func (r *Reconciler) propose(ctx context.Context, o outlook, k *knowledge, open []review.PullRequest) error {
	m, at := &o.desired.migration, k.course.at
	if o.decision.Kind != phase.Advance {
		return nil
	}
	next, ok := phase.Proposal(m, at)
	if !ok {
		return nil
	}
	draft := MarkerDraft(m, at, next)
	var told proposed
	if _, err := r.note(ctx, o.desired, proposedKey, &told); err != nil {
		return err
	}
	this := proposed{draft.Head, k.course.newest.Commit}
	isOpen := slices.ContainsFunc(open, func(p review.PullRequest) bool { return p.Head == draft.Head && p.Base == draft.Base && !p.Fork })
	switch {
	case isOpen && told == this:
		return nil
	case isOpen && told.Head != this.Head: // a person opened it, by a command
		return r.setNote(ctx, o.desired, proposedKey, this)
	case !isOpen && told == this:
		return nil // somebody closed it: `cutover advance` opens it again
	}
	var p review.PullRequest
	a := phase.Action{Verb: Proposed, Target: draft.Head, Key: phase.Title(next), Reason: o.decision.Reason.Text, Undo: "close the pull request"}
	err := r.journaled(ctx, o.desired, at, a, false, func(ctx context.Context) (err error) {
		if _, err = r.Branches.Propose(ctx, MarkerChange(m, next, o.head)); err != nil {
			return err
		}
		p, err = r.Reviews.Ensure(ctx, draft)
		return err
	})
	k.open.forget()
	if err != nil {
		return fmt.Errorf("propose %s: %w", phase.Title(next), err)
	}
	if err := r.setNote(ctx, o.desired, proposedKey, this); err != nil {
		return err
	}
	r.Log.InfoContext(ctx, "proposed", "marker", phase.Title(next), "pull_request", p.Number, "url", p.URL)
	return r.judgeReview(ctx, o, k, p)
}

// tidyBranches deletes the branch of a checkpoint that has been merged, as it was merged: one that has moved on since is
// proposed from anew, as cutover rollback does to stay where it is.
func (r *Reconciler) tidyBranches(ctx context.Context, o outlook, k *knowledge, open []review.PullRequest) error {
	branch, newest := AdvanceBranch(&o.desired.migration, k.course.at), k.course.newest
	head, ok := k.heads[branch]
	used := func(p review.PullRequest) bool { return p.Head == branch && !p.Fork }
	if !ok || newest.PullRequest == 0 || head != k.arrivals[newest.Commit].head || slices.ContainsFunc(open, used) {
		return nil
	}
	// A host closes the pull requests of a branch that is deleted, and the list of open ones may be older than the branch.
	k.open.forget()
	open, err := r.openReviews(ctx, k)
	if err != nil || slices.ContainsFunc(open, used) {
		return err
	}
	if err = r.Branches.DeleteBranch(ctx, branch, head); err == nil || errors.Is(err, failure.ErrConflict) {
		delete(k.heads, branch)
		return nil
	}
	return err
}

var markerFile = regexp.MustCompile(`^migrations/[^/]+/phase\.yaml$`)

func (r *Reconciler) judgeReviews(ctx context.Context, o outlook, k *knowledge, open []review.PullRequest) error {
	var errs []error
	for _, p := range open {
		errs = append(errs, r.judgeReview(ctx, o, k, p))
	}
	return errors.Join(errs...)
}

// judgeReview tells a pull request that touches the migration's marker what it would do, or why it would be refused.
func (r *Reconciler) judgeReview(ctx context.Context, o outlook, k *knowledge, p review.PullRequest) error {
	d := o.desired
	if ahead, err := r.History.Between(o.head, p.Commit); err == nil && len(ahead) == 0 && p.Base == d.migration.Branch {
		return nil // it has been merged: the list of open ones is older than that
	}
	paths, err := r.pathsOf(ctx, k, p)
	if err != nil {
		return err
	}
	touched := slices.DeleteFunc(slices.Clone(paths.list), func(path string) bool { return !markerFile.MatchString(path) })
	if paths.untold != "" && p.Base == d.migration.Branch {
		touched = []string{d.migration.MarkerPath()} // perhaps
	}
	switch {
	case len(touched) == 0:
		return nil
	case p.Base != d.migration.Branch && !slices.Contains(touched, d.migration.MarkerPath()):
		return nil // another migration's
	}
	to, reason, err := r.markerOf(ctx, o, k, p, paths, touched)
	if err != nil {
		return err
	}
	if paths.untold != "" && to == k.course.says {
		return nil // it leaves the marker as it is
	}
	if reason.Code == "" {
		return r.showPlan(ctx, o, k, p, to)
	}
	var closed error
	if reason.Code == phase.MarkerSkips && !p.Fork && strings.HasPrefix(p.Head, "advance/"+d.migration.Name.String()+"/") {
		// A proposal of our own from before a rollback: it is opened anew when its turn comes.
		closed = r.Reviews.Close(ctx, p.Number)
		k.open.forget()
	}
	return errors.Join(
		closed,
		r.setStatus(ctx, k, p.Commit, refusedStatus(d, to, reason)),
		r.comment(ctx, k, p.Number, "plan", refusedText(to, reason), string(reason.Code)+reason.Text),
	)
}

// markerOf is the marker that a pull request proposes, and why it would be refused.
func (r *Reconciler) markerOf(ctx context.Context, o outlook, k *knowledge, p review.PullRequest, paths changedPaths, touched []string) (estate.Marker, phase.Reason, error) {
	m := &o.desired.migration
	refused := func(code phase.Code, format string, args ...any) phase.Reason {
		return phase.Reason{Code: code, Text: fmt.Sprintf(format, args...)}
	}
	for _, path := range touched {
		if path != m.MarkerPath() || p.Base != m.Branch {
			return estate.Marker{}, refused(phase.MarkerElsewhere, "%s counts on its migration's own branch only, and this is for %s", path, p.Base), nil
		}
	}
	data, err := r.Reviews.File(ctx, p.Commit, m.MarkerPath())
	if errors.Is(err, failure.ErrNotFound) && paths.untold != "" {
		return k.course.says, phase.Reason{}, nil // its branch never had one
	}
	if errors.Is(err, failure.ErrNotFound) {
		return estate.Marker{}, refused(phase.MarkerMissing, "it deletes %s", m.MarkerPath()), nil
	}
	if err != nil {
		return estate.Marker{}, phase.Reason{}, fmt.Errorf("marker of pull request #%d: %w", p.Number, err)
	}
	to, problems := values.ParseMarker(m.MarkerPath(), data)
	if err := problems.Err(); err != nil {
		return to, refused(phase.PhaseUnknown, "%v", err), nil
	}
	e := evidence.Marker{
		Commit: p.Commit, PullRequest: p.Number, Before: k.course.at, Reviewed: true, Trailer: to.Phase.String(),
		Others: slices.DeleteFunc(slices.Clone(paths.list), func(path string) bool { return path == m.MarkerPath() }),
	}
	if paths.untold != "" {
		e.Others = []string{tooMany}
	}
	if commits, err := r.History.Between(o.head, p.Commit); err == nil && !p.Fork {
		e.Trailer = ""
		for _, c := range commits {
			if t := trailerOf(c.Message); t != "" && e.Trailer == "" {
				e.Trailer = t
			}
		}
	}
	return to, phase.Refusal(m, to, &e), nil
}

// pathsKey names the base too: a pull request that is pointed at another branch changes other paths.
func pathsKey(p review.PullRequest) string { return fmt.Sprint(p.Number, " ", p.Commit, " ", p.Base) }

// changedPaths are the paths that a pull request changes, or why the host does not tell them: it is too large.
type changedPaths struct {
	list   []string
	untold string
}

// pathsOf remembers also what the host does not tell: one large pull request of anybody must not stop a migration.
func (r *Reconciler) pathsOf(ctx context.Context, k *knowledge, p review.PullRequest) (changedPaths, error) {
	key := pathsKey(p)
	if paths, ok := k.paths[key]; ok {
		return paths, nil
	}
	list, err := r.Reviews.Paths(ctx, p.Number)
	paths := changedPaths{list: list}
	switch {
	case errors.Is(err, failure.ErrRefused):
		paths.untold = err.Error()
	case err != nil:
		return changedPaths{}, fmt.Errorf("paths of pull request #%d: %w", p.Number, err)
	}
	k.paths[key] = paths
	return paths, nil
}

// statusContext names a commit status: one for each migration and phase.
func statusContext(d *desired, at estate.Marker) string {
	name := at.Phase.String()
	if name == "" {
		name = "marker"
	}
	return "cutover/" + d.migration.Name.String() + "/" + name
}

// said is what was last said in one place, and when.
type said struct {
	text, matters string
	at            time.Time
}

// quiet is how long a text that keeps changing is left alone: hosts limit how often one may write.
const quiet = 20 * time.Second

// news tells whether something is worth saying: it is new, and, unless what matters of it has changed, not said too soon
// after the last.
func (r *Reconciler) news(k *knowledge, where, text, matters string) bool {
	last := k.said[where]
	return last.text != text && (last.matters != matters || r.Now().Sub(last.at) >= quiet)
}

// comment keeps one comment as it should be. A change of what matters is said at once.
func (r *Reconciler) comment(ctx context.Context, k *knowledge, number int, mark, text, matters string) error {
	where := fmt.Sprint("#", number, " ", mark)
	if !r.news(k, where, text, matters) {
		return nil
	}
	return r.say(k, where, said{text: text, matters: matters}, func() error {
		if err := r.Conversations.Comment(ctx, number, mark, text); err != nil {
			return fmt.Errorf("comment on pull request #%d: %w", number, err)
		}
		return nil
	})
}

func (r *Reconciler) setStatus(ctx context.Context, k *knowledge, commit string, s review.Status) error {
	where, text := commit+" "+s.Context, string(s.State)+" "+s.Text
	if !r.news(k, where, text, text) {
		return nil
	}
	return r.say(k, where, said{text: text, matters: text}, func() error {
		if err := r.Conversations.SetStatus(ctx, commit, s); err != nil {
			return fmt.Errorf("status of %.10s: %w", commit, err)
		}
		return nil
	})
}

// say says something, unless the host refused it in that place a moment ago: hosts limit the calls, and those that find
// what was merged must not run out.
func (r *Reconciler) say(k *knowledge, where string, what said, write func() error) error {
	if err := k.refusal(where, r.Now()); err != nil {
		return err
	}
	err := write()
	switch {
	case err == nil:
		what.at = r.Now()
		k.said[where] = what
	case errors.Is(err, failure.ErrRefused):
		k.refuse(where, err, r.Now())
	}
	return err
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
