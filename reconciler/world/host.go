package world

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cutover/gitops/review"
	"cutover/reconciler/failure"
)

// host is the git host: pull requests and what is said about them.
type host struct {
	requests []*request // by number, which begins with 1
	statuses map[string]map[string]review.Status
	comments int64
}

// request is a pull request.
type request struct {
	review.PullRequest
	comments []comment
	approved map[string]string // commit that each person approved last
	arrived  map[string]bool   // commits that it brought to its base
	arrival  review.Arrival
	byUs     bool
	paths    []string // that it changed, once it is merged
}

// comment is a comment, and the mark if it is ours.
type comment struct {
	review.Comment
	mark     string
	approved string // the commit that it approves; "" if it approves nothing
}

func newHost() host { return host{statuses: map[string]map[string]review.Status{}} }

func (h *host) find(number int) (*request, error) {
	if number < 1 || number > len(h.requests) {
		return nil, fmt.Errorf("%w: pull request %d", failure.ErrNotFound, number)
	}
	return h.requests[number-1], nil
}

// moved brings the open pull requests of a branch up to date.
func (h *host) moved(w *World, branch string) {
	for _, r := range h.requests {
		if r.State == review.Open && r.Head == branch && !r.Fork {
			r.Commit = w.git.branches[branch]
		}
	}
}

// branchGone closes the pull requests of a branch that was deleted.
func (h *host) branchGone(branch string) {
	for _, r := range h.requests {
		if r.State == review.Open && (r.Head == branch || r.Base == branch) {
			r.State = review.Closed
		}
	}
}

// open makes a pull request.
func (w *World) open(d review.Draft, author string) (*request, error) {
	head, err := w.git.head(d.Head)
	if err != nil {
		return nil, err
	}
	base, err := w.git.head(d.Base)
	if err != nil {
		return nil, err
	}
	if w.git.ancestors(base)[head] {
		return nil, fmt.Errorf("%w: %s has all that is in %s", failure.ErrRefused, d.Base, d.Head)
	}
	number := len(w.host.requests) + 1
	r := &request{PullRequest: review.PullRequest{
		Number: number, URL: fmt.Sprintf("https://git.example.com/orbit/deploy-values/pulls/%d", number),
		Title: d.Title, Body: d.Body, Author: author, Head: d.Head, Commit: head.Hash, Base: d.Base, State: review.Open,
	}, approved: map[string]string{}, arrived: map[string]bool{}, byUs: author == Bot}
	w.host.requests = append(w.host.requests, r)
	return r, nil
}

// Bot is the name under which the program speaks at the git host.
const Bot = "cutover"

// Host is the git host as the program uses it: Reviews and Conversations.
type Host struct{ p *Process }

// Open implements reconciler.Reviews.
func (h Host) Open(ctx context.Context) ([]review.PullRequest, error) {
	return look(ctx, h.p, portHost, "open pull requests", true, func() ([]review.PullRequest, error) {
		var out []review.PullRequest
		for _, r := range h.p.w.host.requests {
			if r.State == review.Open {
				out = append(out, r.PullRequest)
			}
		}
		return out, nil
	})
}

// Ensure implements reconciler.Reviews.
func (h Host) Ensure(ctx context.Context, d review.Draft) (review.PullRequest, error) {
	return change(ctx, h.p, portHost, fmt.Sprintf("pull request %s into %s", d.Head, d.Base), func() (review.PullRequest, error) {
		w := h.p.w
		for _, r := range w.host.requests {
			if r.State == review.Open && r.Head == d.Head && r.Base == d.Base && !r.Fork {
				if !r.byUs {
					w.breach("owned", "pull request %d of %s was edited", r.Number, r.Author)
				}
				r.Title, r.Body = d.Title, d.Body
				return r.PullRequest, nil
			}
		}
		r, err := w.open(d, Bot)
		if err != nil {
			return review.PullRequest{}, err
		}
		return r.PullRequest, nil
	})
}

// Close implements reconciler.Reviews.
func (h Host) Close(ctx context.Context, number int) error {
	return do(ctx, h.p, portHost, fmt.Sprintf("close #%d", number), func() error {
		w := h.p.w
		r, err := w.host.find(number)
		if err != nil {
			return err
		}
		if !r.byUs && r.State == review.Open {
			w.breach("owned", "pull request %d of %s was closed", r.Number, r.Author)
		}
		if r.State == review.Open {
			r.State = review.Closed
		}
		return nil
	})
}

// Paths implements reconciler.Reviews.
func (h Host) Paths(ctx context.Context, number int) ([]string, error) {
	return look(ctx, h.p, portHost, fmt.Sprintf("paths of #%d", number), false, func() ([]string, error) {
		w := h.p.w
		r, err := w.host.find(number)
		if err != nil {
			return nil, err
		}
		paths, err := w.paths(r)
		if len(paths) > MostPaths {
			return nil, fmt.Errorf("%w: it changes more files than the %d that are listed", failure.ErrRefused, MostPaths)
		}
		return paths, err
	})
}

// MostPaths is how many paths of a pull request the host lists.
const MostPaths = 100

// paths are what a pull request changes, or changed when it was merged.
func (w *World) paths(r *request) ([]string, error) {
	if r.State == review.Merged {
		return slices.Clone(r.paths), nil
	}
	head, err := w.git.find(r.Commit)
	if err != nil {
		return nil, err
	}
	base, err := w.git.head(r.Base)
	if err != nil {
		return nil, err
	}
	parted := w.git.base(head, base)
	if parted == nil {
		return nil, fmt.Errorf("%w: it has nothing in common with %s", failure.ErrRefused, r.Base)
	}
	return differences(parted.tree, head.tree), nil
}

// File implements reconciler.Reviews.
func (h Host) File(ctx context.Context, hash, path string) ([]byte, error) {
	return look(ctx, h.p, portHost, fmt.Sprintf("file %s at %.10s", path, hash), false, func() ([]byte, error) {
		c, err := h.p.w.git.find(hash)
		if err != nil {
			return nil, err
		}
		f, ok := c.tree.files[path]
		if !ok {
			return nil, fmt.Errorf("%w: %s", failure.ErrNotFound, path)
		}
		return slices.Clone(f.data), nil
	})
}

// Arrival implements reconciler.Reviews.
func (h Host) Arrival(ctx context.Context, branch, commit string) (review.Arrival, error) {
	return look(ctx, h.p, portHost, fmt.Sprintf("arrival of %.10s", commit), false, func() (review.Arrival, error) {
		for _, r := range h.p.w.host.requests {
			if r.State == review.Merged && r.Base == branch && r.arrived[commit] && !h.p.late(r) {
				a := r.arrival
				a.Approvers, a.Messages = slices.Clone(a.Approvers), slices.Clone(a.Messages)
				return a, nil
			}
		}
		return review.Arrival{}, fmt.Errorf("%w: no pull request into %s brought it", failure.ErrNotFound, branch)
	})
}

// late tells whether the host does not tell yet that a pull request was merged.
func (p *Process) late(r *request) bool {
	w := p.w
	if w.now.Sub(r.Merged) > staleFor || !w.chance(w.faults.Stale) {
		return false
	}
	w.counts.Faults++
	w.judge.excuses.failed = w.now
	w.trace("the merge of #%d is not told yet", r.Number)
	return true
}

// Comments implements reconciler.Conversations.
func (h Host) Comments(ctx context.Context, number int) ([]review.Comment, error) {
	return look(ctx, h.p, portHost, fmt.Sprintf("comments of #%d", number), false, func() ([]review.Comment, error) {
		r, err := h.p.w.host.find(number)
		if err != nil {
			return nil, err
		}
		var out []review.Comment
		for _, c := range r.comments {
			c.Approves = c.approved != "" && c.approved == r.Commit
			out = append(out, c.Comment)
		}
		return out, nil
	})
}

// Comment implements reconciler.Conversations.
func (h Host) Comment(ctx context.Context, number int, mark, text string) error {
	return do(ctx, h.p, portHost, fmt.Sprintf("comment %s on #%d", mark, number), func() error {
		w := h.p.w
		r, err := w.host.find(number)
		if err != nil {
			return err
		}
		if !markForm.MatchString(mark) || strings.Contains(mark, "--") {
			return fmt.Errorf("%w: %q is no mark", failure.ErrRefused, mark)
		}
		if len(text) > mostText {
			text = text[:mostText]
			text = strings.ToValidUTF8(text[:strings.LastIndexByte(text, '\n')+1], "")
			if strings.Count(text, "```")%2 != 0 {
				text += "```\n"
			}
			text += "\n**Cut here**\n"
		}
		for i := range r.comments {
			if r.comments[i].mark == mark {
				r.comments[i].Text = text
				return nil
			}
		}
		w.host.say(r, comment{Comment: review.Comment{Author: Bot, Text: text, At: w.now, Ours: true}, mark: mark})
		return nil
	})
}

// mostText is the longest comment that the host takes, in bytes.
const mostText = 65_000

// markForm is what a mark may look like.
var markForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:-]*$`)

func (h *host) say(r *request, c comment) {
	h.comments++
	c.ID = h.comments
	r.comments = append(r.comments, c)
}

// Statuses implements reconciler.Conversations.
func (h Host) Statuses(ctx context.Context, commit string) ([]review.Status, error) {
	return look(ctx, h.p, portHost, fmt.Sprintf("statuses of %.10s", commit), false, func() ([]review.Status, error) {
		out := slices.Collect(maps.Values(h.p.w.host.statuses[commit]))
		slices.SortFunc(out, func(a, b review.Status) int { return cmp.Compare(a.Context, b.Context) })
		return out, nil
	})
}

// SetStatus implements reconciler.Conversations.
func (h Host) SetStatus(ctx context.Context, commit string, s review.Status) error {
	return do(ctx, h.p, portHost, fmt.Sprintf("status %s=%s of %.10s", s.Context, s.State, commit), func() error {
		w := h.p.w
		if _, err := w.git.find(commit); err != nil {
			return err
		}
		if s.Context == "" || s.State != review.Pending && s.State != review.Success && s.State != review.Failure {
			return errors.Join(failure.ErrRefused, errors.New("a status needs a context and a state"))
		}
		if text := []rune(s.Text); len(text) > 140 {
			s.Text = string(text[:139]) + "…"
		}
		if w.host.statuses[commit] == nil {
			w.host.statuses[commit] = map[string]review.Status{}
		}
		w.host.statuses[commit][s.Context] = s
		return nil
	})
}
