package world

import (
	"fmt"
	"slices"

	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/reconciler/failure"
)

// Push lets a person commit to a branch without a pull request. A branch that is not there is made from main.
func (w *World) Push(by, branch string, write []estate.File, remove []string, message string) (hash string, err error) {
	err = w.act(fmt.Sprintf("%s pushes to %s: %s", by, branch, message), func() error {
		hash = w.push(by, branch, write, remove, message)
		return nil
	})
	return hash, err
}

func (w *World) push(by, branch string, write []estate.File, remove []string, message string) string {
	head, ok := w.git.branches[branch]
	if !ok {
		head = w.git.branches[Main]
	}
	c := w.git.commit([]string{head}, w.git.commits[head].tree.with(write, remove), message, by, w.now)
	w.moved(branch, c.Hash)
	return c.Hash
}

// Open lets a person open a pull request.
func (w *World) Open(by, head, base, title string) (number int, err error) {
	err = w.act(fmt.Sprintf("%s opens %s into %s", by, head, base), func() error {
		r, err := w.open(review.Draft{Head: head, Base: base, Title: title}, by)
		if err != nil {
			return err
		}
		number = r.Number
		w.judge.opened[number] = w.now
		return nil
	})
	return number, err
}

// Retarget lets a person point a pull request at another branch.
func (w *World) Retarget(by string, number int, base string) error {
	return w.act(fmt.Sprintf("%s points #%d at %s", by, number, base), func() error {
		r, err := w.host.find(number)
		if err == nil {
			r.Base = base
		}
		return err
	})
}

// Method is how a pull request is merged.
type Method string

// The methods of the git hosts.
const (
	MergeCommit Method = "merge"
	Squash      Method = "squash"
	Rebase      Method = "rebase"
)

// Merge lets a person merge a pull request. One whose head has a failing status of ours is not merged: the branch is
// protected.
func (w *World) Merge(by string, number int, method Method) error {
	return w.act(fmt.Sprintf("%s merges #%d by %s", by, number, method), func() error {
		r, err := w.host.find(number)
		if err != nil {
			return err
		}
		if r.State != review.Open {
			return fmt.Errorf("%w: it is %s", failure.ErrRefused, r.State)
		}
		for _, s := range w.host.statuses[r.Commit] {
			if s.State == review.Failure {
				return fmt.Errorf("%w: %s: %s", failure.ErrRefused, s.Context, s.Text)
			}
		}
		return w.merge(by, r, method)
	})
}

func (w *World) merge(by string, r *request, method Method) error {
	base, err := w.git.head(r.Base)
	if err != nil {
		return err
	}
	head, err := w.git.find(r.Commit)
	if err != nil {
		return err
	}
	merged, err := w.git.merged(base, head)
	if err != nil {
		return err
	}
	w.judge.merges(w, r)
	if r.paths, err = w.paths(r); err != nil {
		return err
	}
	brought := w.git.lacking(base, head)
	slices.Reverse(brought) // oldest first
	var made *commit
	switch method {
	case Squash:
		// As a host makes it that keeps the title only, and no trailer of the commits.
		made = w.git.commit([]string{base.Hash}, merged, fmt.Sprintf("%s (#%d)\n", r.Title, r.Number), by, w.now)
	case Rebase:
		made = base
		for _, c := range brought {
			if len(c.Parents) > 1 {
				continue
			}
			parent := w.git.parent(c)
			var write []estate.File
			var remove []string
			for _, path := range differences(parent.tree, c.tree) {
				if f, ok := c.tree.files[path]; ok {
					write = append(write, estate.File{Path: path, Data: f.data})
				} else {
					remove = append(remove, path)
				}
			}
			made = w.git.commit([]string{made.Hash}, made.tree.with(write, remove), c.Message, c.Author, w.now)
			r.arrived[made.Hash] = true
		}
	default:
		made = w.git.commit([]string{base.Hash, head.Hash}, merged, fmt.Sprintf("Merge pull request #%d from %s\n", r.Number, r.Head), by, w.now)
		for _, c := range brought {
			r.arrived[c.Hash] = true
		}
	}
	r.arrived[made.Hash] = true
	r.State, r.Merged = review.Merged, w.now
	r.arrival = review.Arrival{Number: r.Number, URL: r.URL, Commit: r.Commit, MergedBy: by}
	for person, commit := range r.approved {
		if commit == r.Commit && person != r.Author && person != head.Author {
			r.arrival.Approvers = append(r.arrival.Approvers, person)
		}
	}
	slices.Sort(r.arrival.Approvers)
	for _, c := range brought {
		r.arrival.Messages = append(r.arrival.Messages, c.Message)
	}
	w.judge.comes(w, r, base, made)
	w.moved(r.Base, made.Hash)
	return nil
}

// Say lets a person write a comment under a pull request.
func (w *World) Say(by string, number int, text string) error {
	return w.act(fmt.Sprintf("%s says %q under #%d", by, text, number), func() error {
		r, err := w.host.find(number)
		if err == nil {
			w.host.say(r, comment{Comment: review.Comment{Author: by, Text: text, At: w.now, Ours: by == Bot}})
		}
		return err
	})
}

// Unsay lets a person delete anybody's comment under a pull request.
func (w *World) Unsay(by string, number int, id int64) error {
	return w.act(fmt.Sprintf("%s deletes comment %d of #%d", by, id, number), func() error {
		r, err := w.host.find(number)
		if err != nil {
			return err
		}
		r.comments = slices.DeleteFunc(r.comments, func(c comment) bool { return c.ID == id })
		return nil
	})
}

// Approve lets a person approve a pull request as it is now.
func (w *World) Approve(by string, number int, text string) error {
	return w.act(fmt.Sprintf("%s approves #%d", by, number), func() error {
		r, err := w.host.find(number)
		if err == nil {
			r.approved[by] = r.Commit
			w.host.say(r, comment{Comment: review.Comment{Author: by, Text: text, At: w.now, Ours: by == Bot}, approved: r.Commit})
		}
		return err
	})
}

// CloseRequest lets a person close a pull request.
func (w *World) CloseRequest(by string, number int) error {
	return w.act(fmt.Sprintf("%s closes #%d", by, number), func() error {
		r, err := w.host.find(number)
		if err == nil && r.State == review.Open {
			r.State = review.Closed
		}
		return err
	})
}
