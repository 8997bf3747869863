package githost

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cutover/gitops/review"
	"cutover/reconciler/failure"
)

const (
	// mostMerged is how many pages of merged pull requests are looked through for the one that brought a commit.
	mostMerged = 20
	// skew is how much later than its merge a commit may seem to have been made.
	skew = 24 * time.Hour
)

// Arrival tells by which merged pull request into branch a commit came; failure.ErrNotFound if by none, or if there is
// no such commit. A commit comes by a pull request as the commit that merging made: a merge, a squash; as one of its own
// commits, if merging kept them; or as the copy of one that rebasing made. What the host relates to a commit is only
// where the search begins: it also lists pull requests that merely contain it, or into other branches.
//
// The messages are those of the commits that the pull request had when it was merged, whatever became of its branch since.
// Of a pull request with more than 250 commits, GitHub lists no others.
//
// That the commit is on the branch now is the caller's to know.
func (c *Client) Arrival(ctx context.Context, branch, hash string) (review.Arrival, error) {
	a, err := c.arrival(ctx, branch, hash)
	if err != nil {
		return review.Arrival{}, fmt.Errorf("ask how commit %s came to %s: %w", hash, branch, err)
	}
	return a, nil
}

func (c *Client) arrival(ctx context.Context, branch, hash string) (review.Arrival, error) {
	of, err := c.product.commit(ctx, hash)
	if err != nil {
		return review.Arrival{}, err
	}
	numbers, err := c.product.associated(ctx, hash)
	if err != nil && !errors.Is(err, failure.ErrNotFound) {
		return review.Arrival{}, err
	}
	tried := map[int]bool{}
	try := func(number int) (review.Arrival, bool, error) {
		if tried[number] {
			return review.Arrival{}, false, nil
		}
		tried[number] = true
		return c.broughtBy(ctx, number, branch, of)
	}
	for _, number := range numbers {
		if a, ok, err := try(number); ok || err != nil {
			return a, err
		}
	}
	merged, err := c.product.merged(ctx, branch)
	if err != nil {
		return review.Arrival{}, err
	}
	// The one whose merge commit it is first: that is told without further questions.
	if i := slices.IndexFunc(merged, func(p pull) bool { return p.mergeCommit == hash }); i > 0 {
		merged[0], merged[i] = merged[i], merged[0]
	}
	for _, p := range merged {
		if of.written.After(p.Merged.Add(skew)) && p.mergeCommit != hash {
			continue // written after that merge
		}
		if a, ok, err := try(p.Number); ok || err != nil {
			return a, err
		}
	}
	return review.Arrival{}, fmt.Errorf("%w: no merged pull request into %s brought it", failure.ErrNotFound, branch)
}

// broughtBy is the arrival if that pull request brought the commit.
func (c *Client) broughtBy(ctx context.Context, number int, branch string, of commit) (review.Arrival, bool, error) {
	p, err := c.product.pull(ctx, number)
	if err != nil || p.State != review.Merged || p.Base != branch || p.mergeCommit == "" {
		return review.Arrival{}, false, err
	}
	own, err := c.product.commits(ctx, number)
	if err != nil {
		return review.Arrival{}, false, err
	}
	if ok, err := c.brought(ctx, p, own, of); !ok || err != nil {
		return review.Arrival{}, false, err
	}
	verdicts, err := c.product.verdicts(ctx, p)
	if err != nil {
		return review.Arrival{}, false, err
	}
	return review.Arrival{
		Number: p.Number, URL: p.URL, Commit: p.Commit, MergedBy: p.mergedBy, Approvers: approvers(p, own, verdicts),
		Messages: messages(own),
	}, true, nil
}

func messages(own []commit) []string {
	var all []string
	for _, c := range own {
		all = append(all, c.message)
	}
	return all
}

// brought tells whether merging p put the commit on its base branch.
func (c *Client) brought(ctx context.Context, p pull, own []commit, of commit) (bool, error) {
	if p.mergeCommit == of.hash {
		return true, nil
	}
	merge, err := c.product.commit(ctx, p.mergeCommit)
	if err != nil {
		return false, err
	}
	listed := func(hash string) bool {
		return slices.ContainsFunc(own, func(o commit) bool { return o.hash == hash })
	}
	switch {
	case slices.Contains(merge.parents, p.Commit) && len(merge.parents) > 1, merge.hash == p.Commit, listed(merge.hash):
		// A merge or a fast-forward keeps the pull request's own commits.
		return listed(of.hash), nil
	default:
		return c.rebased(ctx, merge, own, of)
	}
}

// rebased tells whether the commit is one of the copies of own that end at last. A squash has a single parent as well, and
// below it may be commits that were pushed directly: only when each of own has its copy, in a row, was it a rebase.
func (c *Client) rebased(ctx context.Context, last commit, own []commit, of commit) (bool, error) {
	left := slices.Clone(own)
	found := false
	for at := last; ; {
		i := slices.IndexFunc(left, func(o commit) bool { return copied(o, at) })
		if i < 0 {
			return false, nil
		}
		left = slices.Delete(left, i, i+1)
		found = found || at.hash == of.hash
		if len(left) == 0 {
			return found, nil
		}
		if len(at.parents) != 1 {
			return false, nil
		}
		var err error
		if at, err = c.product.commit(ctx, at.parents[0]); err != nil {
			return false, err
		}
	}
}

// copied tells whether rebasing may have made b of a.
func copied(a, b commit) bool {
	return same(a.message, b.message) && a.author == b.author && a.written.Equal(b.written)
}

// approvers are the users whose last word on the head that was merged was an approval, given before the merge; nobody who
// opened the pull request or wrote one of its commits.
func approvers(p pull, own []commit, verdicts []verdict) []string {
	slices.SortStableFunc(verdicts, func(a, b verdict) int { return a.At.Compare(b.At) })
	said := map[string]bool{}
	for _, v := range verdicts {
		switch {
		case v.At.After(p.Merged):
		case v.state == approves && v.commit == p.Commit:
			said[v.Author] = true
		case v.state == rejects:
			delete(said, v.Author)
		}
	}
	for _, login := range sorted(said) {
		wrote := func(c commit) bool { return strings.EqualFold(c.login, login) }
		if login == "" || strings.EqualFold(login, p.Author) || slices.ContainsFunc(own, wrote) {
			delete(said, login)
		}
	}
	return sorted(said)
}
