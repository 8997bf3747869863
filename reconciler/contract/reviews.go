package contract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"cutover/gitops/review"
	"cutover/reconciler/failure"
)

// ReviewStore is a git host as the reconciler uses it: the ports Reviews and Conversations.
type ReviewStore interface {
	Open(ctx context.Context) ([]review.PullRequest, error)
	Ensure(ctx context.Context, d review.Draft) (review.PullRequest, error)
	Close(ctx context.Context, number int) error
	Paths(ctx context.Context, number int) ([]string, error)
	File(ctx context.Context, commit, path string) ([]byte, error)
	Arrival(ctx context.Context, branch, commit string) (review.Arrival, error)
	Comments(ctx context.Context, number int) ([]review.Comment, error)
	Comment(ctx context.Context, number int, mark, text string) error
	Statuses(ctx context.Context, commit string) ([]review.Status, error)
	SetStatus(ctx context.Context, commit string, s review.Status) error
}

// MergeMethod is how a person merges a pull request.
type MergeMethod string

// What git hosts offer.
const (
	ByMerge  MergeMethod = "merge"
	BySquash MergeMethod = "squash"
	ByRebase MergeMethod = "rebase"
)

// Forge is a git host with one repository, whose branch main has a commit with the file README.md, and what people do
// there. Daemon and Reviewer are the logins of two users that may push. What fails fails the test.
type Forge interface {
	// Store works as the daemon. Each call gives another one, as another replica has it. One that reads lists by pages
	// should have short ones, of at most 5.
	Store(t *testing.T) ReviewStore
	Daemon() string
	Reviewer() string
	// Commit pushes a commit on top of a branch, as the daemon, and returns its hash. A branch that is not there yet
	// begins where main is. A file with an empty text is deleted.
	Commit(t *testing.T, branch, message string, files map[string]string) string
	// Line is a commit and those below it on its first-parent line, newest first.
	Line(t *testing.T, commit string, length int) []string
	// Merge merges a pull request as the reviewer and returns the new head of its base branch. The message of a squash has
	// nothing of those of the commits.
	Merge(t *testing.T, number int, method MergeMethod) string
	// DeleteBranch deletes the branch of a pull request that was merged.
	DeleteBranch(t *testing.T, branch string)
	// Approve adds a review, of the pull request as it is now, that approves.
	Approve(t *testing.T, number int, as, text string)
	// Say adds a comment.
	Say(t *testing.T, number int, as, text string)
	// Unsay deletes a comment, as somebody who may delete everybody's.
	Unsay(t *testing.T, number int, id int64)
}

// Reviews holds an implementation to the contract of the reconciler's ports Reviews and Conversations. Each call of open
// gives a fresh repository.
func Reviews(t *testing.T, open func(t *testing.T) Forge) {
	for name, check := range map[string]func(forge, *testing.T){
		"a pull request is opened once":                     forge.openedOnce,
		"two calls at once open one":                        forge.openedAtOnce,
		"a changed draft changes the pull request":          forge.draftChanged,
		"another base is another pull request":              forge.otherBase,
		"all open pull requests are listed by number":       forge.listed,
		"a branch without changes gives no pull request":    forge.nothingToMerge,
		"closing is safe to repeat":                         forge.closed,
		"closing what was merged is no error":               forge.closedMerged,
		"after closing a new one is opened":                 forge.openedAgain,
		"changed paths are listed with both of a rename":    forge.changedPaths,
		"a file is read at a commit":                        forge.fileRead,
		"a merge commit has arrived":                        forge.arrivedByMerge,
		"a squash has arrived":                              forge.arrivedBySquash,
		"every commit of a rebase has arrived":              forge.arrivedByRebase,
		"a commit that was pushed has not arrived":          forge.pushed,
		"a commit below a squash has not arrived":           forge.pushedBelowSquash,
		"an unmerged commit has not arrived":                forge.unmerged,
		"an approval counts for the head that was merged":   forge.approvedBefore,
		"what follows a merge does not change the arrival":  forge.movedOn,
		"a branch that is gone does not change the arrival": forge.branchGone,
		"comments and reviews are listed, oldest first":     forge.said,
		"our comment is edited in place":                    forge.commentEdited,
		"our comment that was deleted is made anew":         forge.commentDeleted,
		"two comments at once give one":                     forge.commentedAtOnce,
		"somebody else's mark is not ours":                  forge.foreignMark,
		"a long comment is cut and says so":                 forge.longComment,
		"many comments are read to the end":                 forge.manyComments,
		"many reviews are read to the end":                  forge.manyReviews,
		"a status is set and replaced":                      forge.statusSet,
		"a status that was seen to be another is set back":  forge.statusSetBack,
		"a long status is cut between characters":           forge.longStatus,
		"many statuses are read to the end":                 forge.manyStatuses,
		"a commit without statuses has none":                forge.noStatus,
		"what is asked of an unknown number is not found":   forge.unknownNumber,
		"what is asked of an unknown commit is not found":   forge.unknownCommit,
		"a status that is no status is refused":             forge.badStatus,
		"a mark that could end its own comment is refused":  forge.badMark,
		"a person's pull request is left as the person has": forge.foreignPull,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			check(forge{f, f.Store(t)}, t)
		})
	}
}

type forge struct {
	Forge
	store ReviewStore
}

const patience = 30 * time.Second

// eventually waits for what a host does a moment after it has answered.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %s it is still not so that %s", patience, what)
		}
	}
}

func (f forge) draft(branch string) review.Draft {
	return review.Draft{Head: branch, Base: "main", Title: "Advance to canary", Body: "The plan\n\n- one\n- two <b>&</b> \"three\""}
}

// ensured is the pull request of a branch that has one commit with that file.
func (f forge) ensured(t *testing.T, branch, path string) review.PullRequest {
	t.Helper()
	f.Commit(t, branch, "Change "+path, map[string]string{path: branch})
	return f.ensure(t, f.draft(branch))
}

func (f forge) ensure(t *testing.T, d review.Draft) review.PullRequest {
	t.Helper()
	p, err := f.store.Ensure(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (f forge) list(t *testing.T) []review.PullRequest {
	t.Helper()
	list, err := f.Store(t).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func (f forge) openedOnce(t *testing.T) {
	commit := f.Commit(t, "advance/x", "Advance", map[string]string{"a": "1"})
	d := f.draft("advance/x")
	first := f.ensure(t, d)
	want := review.PullRequest{
		Number: first.Number, URL: first.URL, Title: d.Title, Body: d.Body, Author: f.Daemon(),
		Head: "advance/x", Commit: commit, Base: "main", State: review.Open,
	}
	same(t, "what was opened", first, want)
	if first.Number == 0 || !strings.Contains(first.URL, fmt.Sprint(first.Number)) {
		t.Errorf("number %d, URL %s", first.Number, first.URL)
	}
	again, err := f.Store(t).Ensure(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the second time", again, want)
	same(t, "open", f.list(t), []review.PullRequest{want})
}

func (f forge) openedAtOnce(t *testing.T) {
	f.Commit(t, "advance/x", "Advance", map[string]string{"a": "1"})
	d := f.draft("advance/x")
	var wait sync.WaitGroup
	for range 4 {
		store := f.Store(t)
		wait.Go(func() {
			if err := again(func() error { _, err := store.Ensure(t.Context(), d); return err }); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	p := f.ensure(t, d)
	same(t, "open", f.list(t), []review.PullRequest{p})
}

// again repeats a call as the reconciler does: a host that is asked much at once may answer that it cannot.
func again(call func() error) error {
	err := call()
	for range 10 {
		if !errors.Is(err, failure.ErrTransient) {
			break
		}
		err = call()
	}
	return err
}

func (f forge) draftChanged(t *testing.T) {
	before := f.ensured(t, "advance/x", "a")
	d := f.draft("advance/x")
	d.Title, d.Body = "Advance to cutover", ""
	want := before
	want.Title, want.Body = d.Title, d.Body
	same(t, "changed", f.ensure(t, d), want)
	want.Commit = f.Commit(t, "advance/x", "More", map[string]string{"b": "2"})
	same(t, "after another commit", f.ensure(t, d), want)
	same(t, "open", f.list(t), []review.PullRequest{want})
}

func (f forge) otherBase(t *testing.T) {
	f.Commit(t, "release", "Begin", map[string]string{"r": "1"})
	first := f.ensured(t, "advance/x", "a")
	d := f.draft("advance/x")
	d.Base = "release"
	if second := f.ensure(t, d); second.Number == first.Number || second.Base != "release" {
		t.Errorf("got %+v beside %+v", second, first)
	}
}

func (f forge) listed(t *testing.T) {
	var want []review.PullRequest
	for i := range 7 { // more than a page
		want = append(want, f.ensured(t, fmt.Sprintf("advance/%d", i), "a"))
	}
	slices.SortFunc(want, func(a, b review.PullRequest) int { return cmp.Compare(a.Number, b.Number) })
	same(t, "open", f.list(t), want)
}

func (f forge) nothingToMerge(t *testing.T) {
	d := f.draft("advance/not-there")
	if p, err := f.store.Ensure(t.Context(), d); err == nil {
		t.Errorf("a pull request of no branch: %+v", p)
	}
	d = f.draft("main")
	_, err := f.store.Ensure(t.Context(), d)
	wantError(t, err, failure.ErrRefused)
}

func (f forge) closed(t *testing.T) {
	p := f.ensured(t, "advance/x", "a")
	for range 2 {
		if err := f.store.Close(t.Context(), p.Number); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "open", len(f.list(t)), 0)
}

func (f forge) closedMerged(t *testing.T) {
	p := f.ensured(t, "advance/x", "a")
	f.Merge(t, p.Number, ByMerge)
	if err := f.store.Close(t.Context(), p.Number); err != nil {
		t.Fatal(err)
	}
}

func (f forge) openedAgain(t *testing.T) {
	first := f.ensured(t, "advance/x", "a")
	if err := f.store.Close(t.Context(), first.Number); err != nil {
		t.Fatal(err)
	}
	second := f.ensure(t, f.draft("advance/x"))
	if second.Number == first.Number || second.State != review.Open {
		t.Errorf("got %+v", second)
	}
}

func (f forge) changedPaths(t *testing.T) {
	text := strings.Repeat("a line that a rename keeps\n", 20)
	files := map[string]string{"old name": text, "gone": "1", "same": "1"}
	f.Commit(t, "main", "Begin", files)
	f.Commit(t, "advance/x", "Rename", map[string]string{"old name": "", "dir/ä new name": text, "gone": ""})
	want := []string{"README.md", "dir/ä new name", "gone", "old name"}
	f.Commit(t, "advance/x", "Change", map[string]string{"README.md": "changed"})
	many := map[string]string{}
	for i := range 7 { // more than a page
		path := fmt.Sprintf("many/%02d", i)
		many[path] = fmt.Sprintf("a text that no other file has: %d %x", i, i*7919)
		want = append(want, path)
	}
	f.Commit(t, "advance/x", "Many", many)
	f.Commit(t, "main", "Elsewhere", map[string]string{"same": "2"})
	slices.Sort(want)
	p := f.ensure(t, f.draft("advance/x"))
	got, err := f.store.Paths(t.Context(), p.Number)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "paths", got, want)

	f.Commit(t, "advance/x", "One more", map[string]string{"zz": "1"})
	eventually(t, "a new commit's path is listed", func() bool {
		got, err := f.store.Paths(t.Context(), p.Number)
		return err == nil && slices.Contains(got, "zz")
	})
	f.Merge(t, p.Number, ByMerge)
	got, err = f.store.Paths(t.Context(), p.Number)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "paths after the merge", got, append(want, "zz"))
}

func (f forge) fileRead(t *testing.T) {
	first := f.Commit(t, "main", "First", map[string]string{"dir/ä #1?.yaml": "phase: prepare\n"})
	second := f.Commit(t, "main", "Second", map[string]string{"dir/ä #1?.yaml": "phase: deploy\r\n"})
	for commit, want := range map[string]string{first: "phase: prepare\n", second: "phase: deploy\r\n"} {
		got, err := f.store.File(t.Context(), commit, "dir/ä #1?.yaml")
		if err != nil {
			t.Fatal(err)
		}
		same(t, "file", string(got), want)
	}
	for _, path := range []string{"nothing", "dir", "README.md/x"} {
		_, err := f.store.File(t.Context(), second, path)
		wantError(t, err, failure.ErrNotFound)
	}
}

func (f forge) commentEdited(t *testing.T) {
	p := f.ensured(t, "advance/x", "a")
	f.Say(t, p.Number, f.Reviewer(), "before")
	for _, text := range []string{"# Plan\n\n- one", "# Plan\n\n- one", "# Plan\n\n- two"} {
		if err := f.Store(t).Comment(t.Context(), p.Number, "plan", text); err != nil {
			t.Fatal(err)
		}
	}
	f.comment(t, p.Number, "plan.2", "another")
	f.comment(t, p.Number, "plan", "# Plan\n\n- three")
	same(t, "said", f.texts(t, p.Number), []string{
		f.Reviewer() + ": before", f.Daemon() + ": # Plan\n\n- three", f.Daemon() + ": another",
	})
}

func (f forge) comment(t *testing.T, number int, mark, text string) {
	t.Helper()
	if err := f.store.Comment(t.Context(), number, mark, text); err != nil {
		t.Fatal(err)
	}
}

func (f forge) comments(t *testing.T, number int) []review.Comment {
	t.Helper()
	all, err := f.store.Comments(t.Context(), number)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (f forge) texts(t *testing.T, number int) []string {
	t.Helper()
	var texts []string
	for _, c := range f.comments(t, number) {
		texts = append(texts, c.Author+": "+strings.TrimSpace(c.Text))
	}
	return texts
}

func (f forge) unknownNumber(t *testing.T) {
	const number = 4711
	_, paths := f.store.Paths(t.Context(), number)
	_, said := f.store.Comments(t.Context(), number)
	for _, err := range []error{paths, said, f.store.Close(t.Context(), number), f.store.Comment(t.Context(), number, "plan", "text")} {
		wantError(t, err, failure.ErrNotFound)
	}
}

func (f forge) unknownCommit(t *testing.T) {
	commit := strings.Repeat("1234567890", 4)
	_, file := f.store.File(t.Context(), commit, "README.md")
	_, arrival := f.store.Arrival(t.Context(), "main", commit)
	for _, err := range []error{file, arrival} {
		wantError(t, err, failure.ErrNotFound)
	}
	if err := f.store.SetStatus(t.Context(), commit, review.Status{Context: "x", State: review.Success}); err == nil {
		t.Error("the status of no commit was set")
	}
}

func (f forge) badMark(t *testing.T) {
	p := f.ensured(t, "advance/x", "a")
	for _, mark := range []string{"", "a --> b", "a--b", "a b", "ä"} {
		wantError(t, f.store.Comment(t.Context(), p.Number, mark, "text"), failure.ErrRefused)
	}
	same(t, "said", f.texts(t, p.Number), nil)
}

// foreignPull: a pull request between other branches with the same title is nobody's business.
func (f forge) foreignPull(t *testing.T) {
	other := f.ensured(t, "feature/x", "a")
	f.Commit(t, "advance/x", "Advance", map[string]string{"b": "1"})
	ours := f.ensure(t, f.draft("advance/x"))
	same(t, "open", f.list(t), []review.PullRequest{other, ours})
}
