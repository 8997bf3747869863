package githost

import (
	"context"
	"time"

	"cutover/gitops/review"
)

// product is what differs between the git hosts. Its errors are those of package failure, not yet wrapped with what was
// being done. Everything that the hosts have in common, above all what to look at before writing, is Client's.
type product interface {
	// limits of what it takes.
	limits() limits
	// user is the login of the token's user.
	user(ctx context.Context) (string, error)

	// open lists all open pull requests.
	open(ctx context.Context) ([]pull, error)
	// merged lists merged pull requests into a branch, those merged last first, and perhaps not all of them.
	merged(ctx context.Context, branch string) ([]pull, error)
	// associated are the numbers of pull requests that the host itself relates to a commit. It may know of none.
	associated(ctx context.Context, commit string) ([]int, error)
	// pull is one pull request, complete.
	pull(ctx context.Context, number int) (pull, error)
	create(ctx context.Context, d review.Draft) (pull, error)
	update(ctx context.Context, number int, d review.Draft) (pull, error)
	close(ctx context.Context, number int) error
	// paths may repeat a path.
	paths(ctx context.Context, number int) ([]string, error)
	// commits are those of a pull request, oldest first; of one that was merged, those that it had then.
	commits(ctx context.Context, number int) ([]commit, error)

	commit(ctx context.Context, hash string) (commit, error)
	file(ctx context.Context, commit, path string) ([]byte, error)

	// comments are those outside of reviews, in any order.
	comments(ctx context.Context, number int) ([]review.Comment, error)
	// verdicts are the reviews, in any order.
	verdicts(ctx context.Context, p pull) ([]verdict, error)
	post(ctx context.Context, number int, text string) error
	edit(ctx context.Context, number int, id int64, text string) error
	remove(ctx context.Context, number int, id int64) error

	// statuses may hold older ones of a context, after the newer ones.
	statuses(ctx context.Context, commit string) ([]review.Status, error)
	setStatus(ctx context.Context, commit string, s review.Status) error
}

// limits are what a product takes.
type limits struct {
	body int // of a pull request's body and of a comment, in bytes
	// mark makes the hidden line that says which comment of ours it is.
	mark func(mark string) string
}

// pull is a pull request and how it was merged.
type pull struct {
	review.PullRequest
	mergeCommit string // the commit that merging it made on the base branch, or the last of them; "" if not merged
	mergedBy    string
}

// commit is what shows that a commit is a copy of another one: rebasing keeps all but the parents.
type commit struct {
	hash    string
	parents []string
	message string
	author  string // name and address, as git has them
	written time.Time
	login   string // of the author, if the host knows whose address it is
}

// verdict is a review.
type verdict struct {
	review.Comment        // Approves is not set yet
	state          stance // of the reviewer
	commit         string // what was reviewed: the pull request's head at that time
}

// stance is what a review says about the pull request.
type stance int

const (
	comments  stance = iota // nothing
	approves                // merge it
	rejects                 // do not, or an approval that was taken back
	dismissed               // what it said does not count any more
)
