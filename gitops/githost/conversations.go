package githost

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"cutover/gitops/review"
	"cutover/reconciler/failure"
)

// Comments lists what was said under a pull request and in its reviews, oldest first. A review approves only if it was
// not dismissed and is of the pull request's present head. The hidden marks of our own comments are left out of their
// texts. Ids are unique among the comments, and among the reviews.
func (c *Client) Comments(ctx context.Context, number int) ([]review.Comment, error) {
	all, err := c.comments(ctx, number)
	if err != nil {
		return nil, fmt.Errorf("list the comments of pull request %d: %w", number, err)
	}
	return all, nil
}

func (c *Client) comments(ctx context.Context, number int) ([]review.Comment, error) {
	me, err := c.user(ctx)
	if err != nil {
		return nil, err
	}
	p, err := c.product.pull(ctx, number)
	if err != nil {
		return nil, err
	}
	all, err := c.product.comments(ctx, number)
	if err != nil {
		return nil, err
	}
	verdicts, err := c.product.verdicts(ctx, p)
	if err != nil {
		return nil, err
	}
	for _, v := range verdicts {
		v.Approves = v.state == approves && v.commit == p.Commit
		if v.Approves || v.Text != "" {
			all = append(all, v.Comment)
		}
	}
	for i := range all {
		if all[i].Author == me {
			all[i].Ours, all[i].Text = true, unmarked(all[i].Text)
		}
	}
	slices.SortStableFunc(all, func(a, b review.Comment) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// commentKey says which comment of ours it is.
type commentKey struct {
	number int
	mark   string
}

// ownComment is a comment of ours as it was last seen or written, with its mark.
type ownComment struct {
	id   int64
	text string
}

// Comment puts our comment of that mark under a pull request, or edits it in place if its text is another. After
// failure.ErrTransient it may have been put there; the next call finds it. A text that is longer than the host takes is
// cut, and says so. Once the comment is known, its text costs no call as long as it is the same, and one to change it; if
// somebody has deleted it, it is made anew with the next text that is another, or some minutes later.
func (c *Client) Comment(ctx context.Context, number int, mark, text string) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.comment(ctx, number, mark, text); err != nil {
		return fmt.Errorf("comment %s on pull request %d: %w", mark, number, err)
	}
	return nil
}

func (c *Client) comment(ctx context.Context, number int, mark, text string) error {
	if err := checkMark(mark); err != nil {
		return err
	}
	text = marked(mark, text, c.product.limits())
	key := commentKey{number, mark}
	known, ok := c.commentsKnown.get(key)
	if ok && same(known.text, text) {
		return nil
	}
	c.commentsKnown.forget(key)
	if ok {
		err := c.product.edit(ctx, number, known.id, text)
		if err == nil {
			c.commentsKnown.wrote(key, ownComment{known.id, text})
		}
		if !errors.Is(err, failure.ErrNotFound) {
			return err
		}
	}
	id, err := c.findOrPost(ctx, number, mark, text)
	if err == nil && id != 0 {
		c.commentsKnown.wrote(key, ownComment{id, text})
	}
	return err
}

// findOrPost makes our one comment of that mark say the text, and gives its id; 0 if the host's list does not have it yet.
func (c *Client) findOrPost(ctx context.Context, number int, mark, text string) (int64, error) {
	found, err := c.ours(ctx, number, mark)
	if err != nil {
		return 0, err
	}
	if len(found) == 0 {
		if err := c.product.post(ctx, number, text); err != nil {
			return 0, err
		}
		// Another replica may have done the same at the same time.
		if found, err = c.ours(ctx, number, mark); err != nil || len(found) == 0 {
			return 0, err
		}
	}
	for _, twin := range found[1:] {
		if err := c.product.remove(ctx, number, twin.ID); err != nil && !errors.Is(err, failure.ErrNotFound) {
			return 0, err
		}
	}
	if same(found[0].Text, text) {
		return found[0].ID, nil
	}
	return found[0].ID, c.product.edit(ctx, number, found[0].ID, text)
}

// ours lists our comments of a mark, the first one first. Anybody can write a mark; only ours are from us.
func (c *Client) ours(ctx context.Context, number int, mark string) ([]review.Comment, error) {
	me, err := c.user(ctx)
	if err != nil {
		return nil, err
	}
	all, err := c.product.comments(ctx, number)
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(all, func(o review.Comment) bool {
		return o.Author != me || !hasMark(o.Text, mark, c.product.limits())
	})
	slices.SortFunc(found, func(a, b review.Comment) int { return cmp.Compare(a.ID, b.ID) })
	return found, nil
}

// Statuses are the newest statuses of a commit, one for each context, sorted by context.
func (c *Client) Statuses(ctx context.Context, commit string) ([]review.Status, error) {
	all, err := c.statuses(ctx, commit)
	if err != nil {
		return nil, fmt.Errorf("list the statuses of commit %s: %w", commit, err)
	}
	return all, nil
}

// statuses asks the host, and remembers the answer.
func (c *Client) statuses(ctx context.Context, commit string) ([]review.Status, error) {
	ticket := c.statusesSet.ticket()
	all, err := c.product.statuses(ctx, commit)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b review.Status) int { return cmp.Compare(a.Context, b.Context) })
	all = slices.CompactFunc(all, func(a, b review.Status) bool { return a.Context == b.Context })
	for _, s := range all {
		c.statusesSet.see(ticket, statusKey{commit, s.Context}, s)
	}
	return all, nil
}

// statusKey says which status it is.
type statusKey struct{ commit, context string }

// SetStatus sets a commit's status in a context, unless it is so already. Its text is cut to 140 characters. A status that
// we have set or read a short while ago costs no call if it is the same, and one to change it; what somebody else has set
// since is put right some minutes later, or when Statuses has shown it.
func (c *Client) SetStatus(ctx context.Context, commit string, s review.Status) error {
	c.setting.Lock()
	defer c.setting.Unlock()
	if err := c.setStatus(ctx, commit, s); err != nil {
		return fmt.Errorf("set status %s of commit %s: %w", s.Context, commit, err)
	}
	return nil
}

func (c *Client) setStatus(ctx context.Context, commit string, s review.Status) error {
	s.Text = cut(s.Text, mostStatus)
	switch s.State {
	case review.Pending, review.Success, review.Failure:
	default:
		return fmt.Errorf("%w: a status cannot be %q", failure.ErrRefused, s.State)
	}
	key := statusKey{commit, s.Context}
	known, ok := c.statusesSet.get(key)
	if !ok {
		all, err := c.statuses(ctx, commit)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(all, func(o review.Status) bool { return o.Context == s.Context }); i >= 0 {
			known, ok = all[i], true
		}
	}
	if ok && known == s {
		return nil
	}
	c.statusesSet.forget(key)
	if err := c.product.setStatus(ctx, commit, s); err != nil {
		return err
	}
	c.statusesSet.wrote(key, s)
	return nil
}
