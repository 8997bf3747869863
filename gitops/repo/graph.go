package repo

import (
	"bytes"
	"container/heap"
	"fmt"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"cutover/gitops/estate"
)

// Between returns the commits that are reachable from theirs and not from ours, newest first.
func (r *Repository) Between(ours, theirs string) ([]estate.Commit, error) {
	p, err := r.part(ours, theirs)
	if err != nil {
		return nil, fmt.Errorf("commits since %.10s: %w", ours, err)
	}
	var commits []estate.Commit
	for _, c := range p.only(fromTheirs) {
		commits = append(commits, asCommit(c))
	}
	return commits, nil
}

// side is from where a commit is reachable. A commit that both reach is common, and if it is reachable from another
// common one, it is stale: not where they parted.
type side uint8

const (
	fromOurs side = 1 << iota
	fromTheirs
	stale
	common = fromOurs | fromTheirs
)

// slop is by how much clocks of committers may differ without a commit being taken for one that only one side has.
const slop = 24 * time.Hour

// parting is what two commits have and have not in common, as far back as it takes to tell.
type parting struct {
	ours, theirs *object.Commit
	sides        map[plumbing.Hash]side
	commits      map[plumbing.Hash]*object.Commit
}

// part walks back from two commits, newest first, until all that is left is reachable from both. go-git's MergeBase
// walks to the root of the history. The rule is git's (paint_down_to_common in commit-reach.c): every commit on a way
// from one of the two to where they parted is no common one itself, so the walk does not end before all are found,
// whatever the clocks say.
func (r *Repository) part(ours, theirs string) (*parting, error) {
	p := &parting{sides: make(map[plumbing.Hash]side), commits: make(map[plumbing.Hash]*object.Commit)}
	var err error
	if p.ours, err = r.readCommit(ours); err != nil {
		return nil, err
	}
	if p.theirs, err = r.readCommit(theirs); err != nil {
		return nil, err
	}
	var queue newestFirst
	reach := func(c *object.Commit, from side) {
		if was := p.sides[c.Hash]; was|from != was {
			p.sides[c.Hash], p.commits[c.Hash] = was|from, c
			heap.Push(&queue, c)
		}
	}
	reach(p.ours, fromOurs)
	reach(p.theirs, fromTheirs)
	live := func(c *object.Commit) bool { return p.sides[c.Hash]&stale == 0 }
	oldest := p.theirs.Committer.When // of those that one side has alone
	for queue.Len() > 0 && (slices.ContainsFunc(queue, live) || queue[0].Committer.When.After(oldest.Add(-slop))) {
		c, ok := heap.Pop(&queue).(*object.Commit)
		if !ok {
			break
		}
		from := p.sides[c.Hash]
		if from&common == common {
			from |= stale // for its parents
		} else if c.Committer.When.Before(oldest) {
			oldest = c.Committer.When
		}
		for _, hash := range c.ParentHashes {
			parent, ok := p.commits[hash]
			if !ok {
				if parent, err = r.readCommit(hash.String()); err != nil {
					return nil, err
				}
			}
			reach(parent, from)
		}
	}
	return p, nil
}

// readCommit reads one commit. Who reads many lets others read in between.
func (r *Repository) readCommit(hash string) (c *object.Commit, err error) {
	err = r.store.read(func(objects storer.EncodedObjectStorer) (err error) {
		c, err = commit(objects, hash)
		return err
	})
	return c, err
}

// only are the commits that one side has alone, newest first.
func (p *parting) only(from side) []*object.Commit {
	var commits []*object.Commit
	for hash, c := range p.commits {
		if p.sides[hash] == from {
			commits = append(commits, c)
		}
	}
	slices.SortFunc(commits, compareAge)
	return commits
}

// bases are the newest commits that both sides have, newest first: none is reachable from another. There is more than
// one where each side has merged the other.
func (p *parting) bases(s *store) ([]*object.Commit, error) {
	var candidates []*object.Commit
	for hash, c := range p.commits {
		if p.sides[hash] == common {
			candidates = append(candidates, c)
		}
	}
	if len(candidates) == 0 {
		return nil, refused("%s and %s have no history in common", p.ours.Hash, p.theirs.Hash)
	}
	if len(candidates) > 1 {
		// Clocks that differ much leave one that is reachable from another.
		err := s.read(func(storer.EncodedObjectStorer) (err error) {
			candidates, err = object.Independents(candidates)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(candidates, compareAge)
	return candidates, nil
}

// behind counts the commits on theirs' first-parent line that ours does not have.
func (p *parting) behind() int {
	n := 0
	for c := p.theirs; c != nil && p.sides[c.Hash] == fromTheirs; n++ {
		if len(c.ParentHashes) == 0 {
			return n + 1
		}
		c = p.commits[c.ParentHashes[0]]
	}
	return n
}

// merged tells whether ours has all of theirs.
func (p *parting) merged() bool { return p.sides[p.theirs.Hash]&common == common }

// compareAge sorts newest first, and commits of the same second by their hash, so that the order is always the same.
func compareAge(a, b *object.Commit) int {
	if c := b.Committer.When.Compare(a.Committer.When); c != 0 {
		return c
	}
	return bytes.Compare(a.Hash[:], b.Hash[:])
}

// newestFirst is a heap.
type newestFirst []*object.Commit

func (q newestFirst) Len() int           { return len(q) }
func (q newestFirst) Less(i, j int) bool { return compareAge(q[i], q[j]) < 0 }
func (q newestFirst) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *newestFirst) Push(x any) {
	if c, ok := x.(*object.Commit); ok {
		*q = append(*q, c)
	}
}

// Pop implements heap.Interface.
func (q *newestFirst) Pop() any {
	last := len(*q) - 1
	c := (*q)[last]
	*q = (*q)[:last]
	return c
}
