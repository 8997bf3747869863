package contract

import (
	"fmt"
	"strings"
	"testing"

	"cutover/gitops/review"
	"cutover/reconciler/failure"
)

// arrival is how a commit came to main. Hosts differ in how many line breaks end a message.
func (f forge) arrival(t *testing.T, commit string) review.Arrival {
	t.Helper()
	a, err := f.store.Arrival(t.Context(), "main", commit)
	if err != nil {
		t.Fatal(err)
	}
	for i, message := range a.Messages {
		a.Messages[i] = strings.TrimRight(message, "\n")
	}
	return a
}

// notArrived wants a commit not to have come to a branch by a pull request.
func (f forge) notArrived(t *testing.T, branch, commit string) {
	t.Helper()
	a, err := f.store.Arrival(t.Context(), branch, commit)
	wantError(t, err, failure.ErrNotFound)
	if err == nil {
		t.Errorf("it arrived at %s by %+v", branch, a)
	}
}

// by is the arrival by a pull request that the reviewer merged and nobody approved.
func (f forge) by(p review.PullRequest, commit string, messages ...string) review.Arrival {
	return review.Arrival{Number: p.Number, URL: p.URL, Commit: commit, MergedBy: f.Reviewer(), Messages: messages}
}

// advanced is a message with a trailer, in several paragraphs.
const advanced = "Second\n\nBecause of <b>that</b> & \"this\".\n\nCutover-Phase: canary"

func (f forge) arrivedByMerge(t *testing.T) {
	first := f.Commit(t, "advance/x", "First", map[string]string{"a": "1"})
	second := f.Commit(t, "advance/x", advanced, map[string]string{"a": "2"})
	f.Commit(t, "main", "Elsewhere", map[string]string{"b": "1"})
	p := f.ensure(t, f.draft("advance/x"))
	merge := f.Merge(t, p.Number, ByMerge)
	after := f.Commit(t, "main", "Afterwards", map[string]string{"c": "1"})
	for _, commit := range []string{merge, first, second} {
		same(t, "arrival", f.arrival(t, commit), f.by(p, second, "First", advanced))
	}
	f.notArrived(t, "main", after)
	f.notArrived(t, "advance/x", merge)
}

func (f forge) arrivedBySquash(t *testing.T) {
	first := f.Commit(t, "advance/x", "First", map[string]string{"a": "1"})
	second := f.Commit(t, "advance/x", advanced, map[string]string{"a": "2"})
	p := f.ensure(t, f.draft("advance/x"))
	squash := f.Merge(t, p.Number, BySquash)
	same(t, "arrival", f.arrival(t, squash), f.by(p, second, "First", advanced))
	// They are on the pull request and not on main.
	f.notArrived(t, "main", first)
	f.notArrived(t, "main", second)
}

func (f forge) arrivedByRebase(t *testing.T) {
	f.Commit(t, "advance/x", "First", map[string]string{"a": "1"})
	f.Commit(t, "advance/x", advanced, map[string]string{"a": "2"})
	head := f.Commit(t, "advance/x", "Third", map[string]string{"a": "3"})
	below := f.Commit(t, "main", "Elsewhere", map[string]string{"b": "1"})
	p := f.ensure(t, f.draft("advance/x"))
	last := f.Merge(t, p.Number, ByRebase)
	line := f.Line(t, last, 4)
	for _, commit := range line[:3] {
		same(t, "arrival", f.arrival(t, commit), f.by(p, head, "First", advanced, "Third"))
	}
	same(t, "the commit below", line[3], below)
	f.notArrived(t, "main", below)
}

func (f forge) pushed(t *testing.T) {
	p := f.ensured(t, "advance/x", "a")
	before := f.Commit(t, "main", "Directly", map[string]string{"b": "1"})
	f.Merge(t, p.Number, ByMerge)
	after := f.Commit(t, "main", "Directly again", map[string]string{"b": "2"})
	f.notArrived(t, "main", before)
	f.notArrived(t, "main", after)
}

// pushedBelowSquash: a squash of two commits is one commit, and the one below it came otherwise.
func (f forge) pushedBelowSquash(t *testing.T) {
	f.Commit(t, "advance/x", "First", map[string]string{"a": "1"})
	f.Commit(t, "advance/x", "Second", map[string]string{"a": "2"})
	pushed := f.Commit(t, "main", "First", map[string]string{"b": "1"})
	p := f.ensure(t, f.draft("advance/x"))
	f.Merge(t, p.Number, BySquash)
	f.notArrived(t, "main", pushed)
}

func (f forge) unmerged(t *testing.T) {
	p := f.ensured(t, "advance/x", "a")
	f.notArrived(t, "main", p.Commit)
	if err := f.store.Close(t.Context(), p.Number); err != nil {
		t.Fatal(err)
	}
	f.notArrived(t, "main", p.Commit)
}

func (f forge) approvedBefore(t *testing.T) {
	p := f.ensured(t, "advance/x", "a")
	f.Approve(t, p.Number, f.Reviewer(), "fine")
	merge := f.Merge(t, p.Number, ByMerge)
	want := f.by(p, p.Commit, "Change a")
	want.Approvers = []string{f.Reviewer()}
	same(t, "approved", f.arrival(t, merge), want)

	p = f.ensured(t, "advance/y", "b")
	f.Approve(t, p.Number, f.Reviewer(), "fine so far")
	head := f.Commit(t, "advance/y", "More", map[string]string{"b": "unseen"})
	merge = f.Merge(t, p.Number, ByMerge)
	same(t, "approved before the last commit", f.arrival(t, merge), f.by(p, head, "Change b", "More"))
}

func (f forge) movedOn(t *testing.T) {
	p := f.ensured(t, "advance/x", "a")
	merge := f.Merge(t, p.Number, ByMerge)
	f.Commit(t, "advance/x", "Afterwards", map[string]string{"a": "more"})
	same(t, "arrival", f.arrival(t, merge), f.by(p, p.Commit, "Change a"))
}

// branchGone: more commits than a list has on one page, of a branch that is deleted after the merge.
func (f forge) branchGone(t *testing.T) {
	for _, method := range []MergeMethod{ByMerge, BySquash, ByRebase} {
		branch := "advance/" + string(method)
		var head string
		var messages []string
		for i := range 7 {
			messages = append(messages, fmt.Sprintf("Commit %d", i))
			head = f.Commit(t, branch, messages[i], map[string]string{string(method): messages[i]})
		}
		p := f.ensure(t, f.draft(branch))
		merge := f.Merge(t, p.Number, method)
		f.DeleteBranch(t, branch)
		same(t, "arrival", f.arrival(t, merge), f.by(p, head, messages...))
	}
}
