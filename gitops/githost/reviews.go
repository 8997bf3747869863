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

// Open lists the open pull requests, sorted by number.
func (c *Client) Open(ctx context.Context) ([]review.PullRequest, error) {
	pulls, err := c.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("list open pull requests: %w", err)
	}
	all := make([]review.PullRequest, 0, len(pulls))
	for _, p := range pulls {
		all = append(all, p.PullRequest)
	}
	return all, nil
}

// open is sorted, and without what moved from one page to the next and was read twice.
func (c *Client) open(ctx context.Context) ([]pull, error) {
	pulls, err := c.product.open(ctx)
	slices.SortFunc(pulls, func(a, b pull) int { return cmp.Compare(a.Number, b.Number) })
	return slices.CompactFunc(pulls, func(a, b pull) bool { return a.Number == b.Number }), err
}

// Ensure gives the pull request from d.Head into d.Base: the open one, brought up to date with d, or a new one. After
// failure.ErrTransient it may have been opened; the next call finds it.
func (c *Client) Ensure(ctx context.Context, d review.Draft) (review.PullRequest, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	p, err := c.ensure(ctx, fitted(d, c.product.limits()))
	if err != nil {
		return review.PullRequest{}, fmt.Errorf("open the pull request from %s into %s: %w", d.Head, d.Base, err)
	}
	return p.PullRequest, nil
}

func (c *Client) ensure(ctx context.Context, d review.Draft) (pull, error) {
	found, err := c.between(ctx, d)
	if err != nil {
		return pull{}, err
	}
	if len(found) == 0 {
		created, err := c.product.create(ctx, d)
		if err != nil && !mayExist(err) {
			return pull{}, err
		}
		refusal := err
		// Look again. Somebody else may have been first, or have done the same at the same time.
		if found, err = c.between(ctx, d); err != nil {
			return pull{}, err
		}
		switch {
		case len(found) == 0 && refusal != nil:
			return pull{}, refusal
		case len(found) == 0: // a host whose lists are late
			return created, nil
		}
	}
	if err := c.dropTwins(ctx, found); err != nil {
		return pull{}, err
	}
	if p := found[0]; same(p.Title, d.Title) && same(p.Body, d.Body) {
		return p, nil
	}
	return c.product.update(ctx, found[0].Number, d)
}

// between lists the open pull requests of one pair of branches. Gitea lets two be made that are asked for at once.
func (c *Client) between(ctx context.Context, d review.Draft) ([]pull, error) {
	pulls, err := c.open(ctx)
	return slices.DeleteFunc(pulls, func(p pull) bool { return p.Fork || p.Head != d.Head || p.Base != d.Base }), err
}

// dropTwins closes all but the first. Whoever sees them does the same, so that one stays. Only our own are closed.
func (c *Client) dropTwins(ctx context.Context, found []pull) error {
	for _, twin := range found[1:] {
		me, err := c.user(ctx)
		if err != nil {
			return err
		}
		if twin.Author != me {
			continue
		}
		if err := c.close(ctx, twin.Number); err != nil {
			return err
		}
	}
	return nil
}

// Close closes a pull request without merging it. One that is not open is no error.
func (c *Client) Close(ctx context.Context, number int) error {
	if err := c.close(ctx, number); err != nil {
		return fmt.Errorf("close pull request %d: %w", number, err)
	}
	return nil
}

func (c *Client) close(ctx context.Context, number int) error {
	p, err := c.product.pull(ctx, number)
	if err != nil || p.State != review.Open {
		return err
	}
	err = c.product.close(ctx, number)
	if !mayExist(err) {
		return err
	}
	// It may have been merged, or closed, in between.
	if p, again := c.product.pull(ctx, number); again == nil && p.State != review.Open {
		return nil
	}
	return err
}

// Paths are the paths that a pull request changes, sorted; both of one that was renamed.
func (c *Client) Paths(ctx context.Context, number int) ([]string, error) {
	paths, err := c.product.paths(ctx, number)
	if err != nil {
		return nil, fmt.Errorf("list the paths of pull request %d: %w", number, err)
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// File is a file as it is at a commit; failure.ErrNotFound if there is none.
func (c *Client) File(ctx context.Context, commit, path string) ([]byte, error) {
	data, err := c.product.file(ctx, commit, path)
	if err != nil {
		return nil, fmt.Errorf("read %s at %s: %w", path, commit, err)
	}
	return data, nil
}

// user is the login of the token's user, asked for once.
func (c *Client) user(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.me != "" {
		return c.me, nil
	}
	me, err := c.product.user(ctx)
	switch {
	case err != nil:
		return "", fmt.Errorf("ask whose token it is: %w", err)
	case me == "":
		return "", fmt.Errorf("ask whose token it is: %w: it is nobody's", failure.ErrRefused)
	}
	c.me = me
	return me, nil
}

// mayExist says that an error may mean that what is to be made is there already, or that it is done: Gitea and Bitbucket
// Server answer 409 then, GitHub 422, which also stand for other reasons.
func mayExist(err error) bool {
	return errors.Is(err, failure.ErrConflict) || errors.Is(err, failure.ErrRefused)
}
