package contract

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"cutover/gitops/review"
	"cutover/reconciler/failure"
)

// later lets a second pass: hosts keep no finer time.
func (f forge) later(t *testing.T) {
	t.Helper()
	select {
	case <-t.Context().Done():
	case <-time.After(1100 * time.Millisecond):
	}
}

func (f forge) said(t *testing.T) {
	p := f.ensured(t, "advance/x", "a")
	f.Say(t, p.Number, f.Reviewer(), "why?")
	f.later(t)
	f.comment(t, p.Number, "plan", "because")
	f.later(t)
	f.Approve(t, p.Number, f.Reviewer(), "fine")
	f.later(t)
	f.Say(t, p.Number, f.Daemon(), "thanks")
	same(t, "said", f.texts(t, p.Number), []string{
		f.Reviewer() + ": why?", f.Daemon() + ": because", f.Reviewer() + ": fine", f.Daemon() + ": thanks",
	})
	for i, c := range f.comments(t, p.Number) {
		if c.ID == 0 || c.At.IsZero() || c.Approves != (i == 2) || c.Ours != (c.Author == f.Daemon()) {
			t.Errorf("comment %d is %+v", i, c)
		}
	}
	f.Commit(t, "advance/x", "More", map[string]string{"a": "unseen"})
	for _, c := range f.comments(t, p.Number) {
		if c.Approves {
			t.Errorf("an approval of what was there before still approves: %+v", c)
		}
	}
}

func (f forge) commentedAtOnce(t *testing.T) {
	p := f.ensured(t, "advance/x", "a")
	var wait sync.WaitGroup
	for i := range 4 {
		store := f.Store(t)
		wait.Go(func() {
			if err := again(func() error { return store.Comment(t.Context(), p.Number, "plan", fmt.Sprintf("from %d", i)) }); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	f.comment(t, p.Number, "plan", "in the end")
	same(t, "said", f.texts(t, p.Number), []string{f.Daemon() + ": in the end"})
}

// commentDeleted: at the latest with the next text that is another, and still no second one.
func (f forge) commentDeleted(t *testing.T) {
	p := f.ensured(t, "advance/x", "a")
	f.comment(t, p.Number, "plan", "first")
	f.comment(t, p.Number, "other", "stays")
	f.Unsay(t, p.Number, f.comments(t, p.Number)[0].ID)
	for _, text := range []string{"second", "second", "third"} {
		f.comment(t, p.Number, "plan", text)
		same(t, "said", f.texts(t, p.Number), []string{f.Daemon() + ": stays", f.Daemon() + ": " + text})
	}
}

// foreignMark: a person who copies our comment with its mark, or quotes it, does not get it edited or keep us quiet.
func (f forge) foreignMark(t *testing.T) {
	p := f.ensured(t, "advance/x", "a")
	copied := "<!-- cutover:plan -->\n\nmine"
	f.Say(t, p.Number, f.Reviewer(), copied)
	f.comment(t, p.Number, "plan", "ours")
	f.comment(t, p.Number, "plan", "ours again")
	got := f.texts(t, p.Number)
	same(t, "said", got, []string{f.Reviewer() + ": " + copied, f.Daemon() + ": ours again"})
}

func (f forge) longComment(t *testing.T) {
	p := f.ensured(t, "advance/x", "a")
	text := "# Plan\n\n```\n" + strings.Repeat("ä line of the plan\n", 100_000) + "```\n"
	for range 2 {
		f.comment(t, p.Number, "plan", text)
	}
	all := f.comments(t, p.Number)
	if len(all) != 1 {
		t.Fatalf("%d comments, want 1", len(all))
	}
	got := all[0].Text
	if len(got) > 1_000_000 || !strings.HasPrefix(got, "# Plan\n") || !strings.Contains(got, "Cut here") || !utf8.ValidString(got) {
		t.Errorf("%d bytes, which end in %q", len(got), got[max(0, len(got)-200):])
	}
	if strings.Count(got, "```")%2 != 0 {
		t.Error("the cut left a code block open")
	}
}

func (f forge) manyComments(t *testing.T) {
	p := f.ensured(t, "advance/x", "a")
	f.comment(t, p.Number, "plan", "first")
	for i := range 7 { // more than a page
		f.Say(t, p.Number, f.Reviewer(), fmt.Sprint(i))
	}
	f.comment(t, p.Number, "last", "last")
	f.comment(t, p.Number, "plan", "changed")
	f.comment(t, p.Number, "last", "last changed")
	got := f.texts(t, p.Number)
	if len(got) != 9 || got[0] != f.Daemon()+": changed" || got[8] != f.Daemon()+": last changed" {
		t.Errorf("%d comments: %q", len(got), got)
	}
}

func (f forge) manyReviews(t *testing.T) {
	p := f.ensured(t, "advance/x", "a")
	for i := range 7 { // more than a page
		f.Approve(t, p.Number, f.Reviewer(), fmt.Sprint(i))
	}
	if got := f.texts(t, p.Number); len(got) != 7 {
		t.Errorf("%d reviews: %q", len(got), got)
	}
}

func (f forge) statuses(t *testing.T, commit string) []review.Status {
	t.Helper()
	all, err := f.Store(t).Statuses(t.Context(), commit)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (f forge) setStatus(t *testing.T, commit string, s review.Status) {
	t.Helper()
	if err := f.store.SetStatus(t.Context(), commit, s); err != nil {
		t.Fatal(err)
	}
}

func (f forge) statusSet(t *testing.T) {
	commit := f.Commit(t, "advance/x", "Advance", map[string]string{"a": "1"})
	other := review.Status{Context: "cutover/eks/deploy", State: review.Failure, Text: "not allowed"}
	f.setStatus(t, commit, other)
	s := review.Status{Context: "cutover/eks/canary", State: review.Pending, Text: "waits", URL: "https://example.com/canary?a=1&b=2"}
	f.setStatus(t, commit, s)
	same(t, "statuses", f.statuses(t, commit), []review.Status{s, other})
	for _, state := range []review.StatusState{review.Success, review.Success, review.Failure, review.Pending} {
		s.State, s.Text = state, "it is "+string(state)
		f.setStatus(t, commit, s)
		same(t, "statuses", f.statuses(t, commit), []review.Status{s, other})
	}
	main := f.Commit(t, "main", "Another", map[string]string{"b": "1"})
	same(t, "statuses of another commit", len(f.statuses(t, main)), 0)
}

// statusSetBack: another replica, or anybody, has set it since.
func (f forge) statusSetBack(t *testing.T) {
	commit := f.Commit(t, "advance/x", "Advance", map[string]string{"a": "1"})
	ours := review.Status{Context: "cutover/frozen", State: review.Failure, Text: "frozen"}
	f.setStatus(t, commit, ours)
	theirs := review.Status{Context: "cutover/frozen", State: review.Success, Text: "let me"}
	if err := f.Store(t).SetStatus(t.Context(), commit, theirs); err != nil {
		t.Fatal(err)
	}
	all, err := f.store.Statuses(t.Context(), commit)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "statuses", all, []review.Status{theirs})
	f.setStatus(t, commit, ours)
	same(t, "statuses", f.statuses(t, commit), []review.Status{ours})
}

func (f forge) longStatus(t *testing.T) {
	commit := f.Commit(t, "advance/x", "Advance", map[string]string{"a": "1"})
	s := review.Status{Context: "cutover", State: review.Pending, Text: strings.Repeat("ä", 200)}
	for range 2 {
		f.setStatus(t, commit, s)
	}
	s.Text = strings.Repeat("ä", 139) + "…"
	same(t, "statuses", f.statuses(t, commit), []review.Status{s})
}

func (f forge) manyStatuses(t *testing.T) {
	commit := f.Commit(t, "advance/x", "Advance", map[string]string{"a": "1"})
	var want []review.Status
	for i := range 7 { // more than a page
		s := review.Status{Context: fmt.Sprintf("cutover/%02d", i), State: review.Success, Text: fmt.Sprint(i)}
		f.setStatus(t, commit, s)
		want = append(want, s)
	}
	same(t, "statuses", f.statuses(t, commit), want)
}

func (f forge) noStatus(t *testing.T) {
	commit := f.Commit(t, "advance/x", "Advance", map[string]string{"a": "1"})
	same(t, "statuses", len(f.statuses(t, commit)), 0)
}

func (f forge) badStatus(t *testing.T) {
	commit := f.Commit(t, "advance/x", "Advance", map[string]string{"a": "1"})
	wantError(t, f.store.SetStatus(t.Context(), commit, review.Status{Context: "x", State: "green"}), failure.ErrRefused)
}
