package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cutover/generator"
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/phase"
)

// mostCommits is how many commits of the base branch are named: their number is told in any case.
const mostCommits = 50

// observeMain tells what the base branch has and the migration's branch lacks (step 9).
func (r *Reconciler) observeMain(ctx context.Context, d *desired, k *knowledge, e *evidence.Evidence) error {
	head := k.heads[r.Generator.Base]
	if head == "" {
		return nil // there is no base branch to bring anything from
	}
	div, err := r.Merger.Divergence(ctx, d.head, head)
	if err != nil {
		return err
	}
	e.Main = evidence.Main{Head: head, Behind: div.Behind, Take: div.Take}
	if div.Behind > 0 {
		if e.Main.Commits, err = r.History.Line(head, min(div.Behind, mostCommits)); err != nil {
			return err
		}
		if e.Main.Unusable, err = r.unusable(d.head, head, div.Take); err != nil {
			return err
		}
	}
	for _, path := range div.Conflicts {
		c := evidence.Conflict{Path: path}
		if c.Ours, err = r.lastChange(d.head, path); err != nil {
			return err
		}
		if c.Theirs, err = r.lastChange(head, path); err != nil {
			return err
		}
		e.Main.Conflicts = append(e.Main.Conflicts, c)
	}
	return nil
}

// unusable says what would be wrong with the values repository on the migration's branch once it had what it is to take: two
// sides can be right, each for itself, that are not so together.
func (r *Reconciler) unusable(ours, theirs string, take []string) (string, error) {
	branch, err := r.Source.Tree(ours)
	if err != nil {
		return "", err
	}
	base, err := r.Source.Tree(theirs)
	if err != nil {
		return "", err
	}
	_, problems := r.reader.ReadAt(newMerged(branch, base, take), r.Now())
	switch err := problems.Err(); {
	case errors.Is(err, failure.ErrTransient):
		return "", err
	case err != nil:
		return err.Error(), nil
	}
	return "", nil
}

func (r *Reconciler) lastChange(head, path string) (string, error) {
	c, ok, err := r.History.LastChange(head, path)
	if err != nil || !ok {
		return "", err
	}
	return c.Hash, nil
}

// mergeMain merges the base branch, and regenerates what is generated from what it brings.
func (x *effects) mergeMain(ctx context.Context) error {
	m := x.d.migration
	// What is generated follows in a commit of its own (step 3): it is made from what this commit holds.
	head, err := x.r.Merger.Merge(ctx, estate.Change{
		Branch: m.Branch, Parent: x.d.head,
		Message: fmt.Sprintf("Merge branch '%s' into %s\n", x.r.Generator.Base, m.Branch),
	}, x.e.Main.Head)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.head = head
	return nil
}

// pinVersions writes the versions that the old cluster runs over those that are pinned. A service whose version cannot
// be read keeps its own.
func (x *effects) pinVersions(ctx context.Context) error {
	m := x.d.migration
	pinned := map[estate.ServiceID]estate.Version{}
	for _, s := range x.e.Services {
		switch {
		case !s.Running.IsZero() && (s.Pinned.IsZero() || x.k.course.at.Phase >= estate.Freeze):
			pinned[s.ID] = s.Running
		case !s.Pinned.IsZero():
			pinned[s.ID] = s.Pinned
		}
	}
	return x.commit(ctx, estate.Change{
		Branch: m.Branch, Parent: x.d.head,
		Write:   []estate.File{{Path: m.VersionsPath(), Data: generator.VersionsFile(m, pinned)}},
		Message: fmt.Sprintf("Pin the versions that %s runs\n", m.From.Cluster),
	})
}

// copySecrets makes the copies in the action's items as they should be.
func (x *effects) copySecrets(ctx context.Context, items []string) error {
	at := x.k.course.at
	t, ok := secretTree(x.d, at, phase.WantTarget(at, x.e, x.r.Now()))
	if !ok {
		return fmt.Errorf("cutover.yaml names no secrets for %s and %s", x.d.migration.From.Cluster, x.d.migration.To.Cluster)
	}
	defer x.forget(func(k *knowledge) { k.secrets.forget() })
	return x.r.Secrets.Copy(ctx, t, slices.Clone(items))
}
