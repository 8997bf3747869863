package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

// pair is the two roots of a tree, and the values of git's by path and key.
type pair struct {
	from, to  root
	set       map[string]map[string]string
	overwrite bool
}

// pair resolves a tree.
func (c *Client) pair(ctx context.Context, t evidence.SecretTree) (p pair, err error) {
	p.overwrite = t.Overwrite
	if p.set, err = overrides(t.Set); err != nil {
		return p, err
	}
	if p.from, err = c.root(ctx, t.From); err != nil {
		return p, err
	}
	if p.to, err = c.root(ctx, t.To); err != nil {
		return p, err
	}
	if p.from.below(p.to) || p.to.below(p.from) {
		return p, fmt.Errorf("copy %s to %s: %w: one is inside the other", p.from.name, p.to.name, failure.ErrRefused)
	}
	return p, nil
}

// overrides groups git's values by path and key.
func overrides(set []evidence.SecretValue) (map[string]map[string]string, error) {
	out := map[string]map[string]string{}
	for _, v := range set {
		if !addressable(v.Path) || v.Key == "" {
			return nil, fmt.Errorf("set key %q of secret %q: %w: no such secret can be", v.Key, v.Path, failure.ErrRefused)
		}
		if have, ok := out[v.Path][v.Key]; ok && have != v.Value {
			return nil, fmt.Errorf("set key %q of secret %q: %w: git names two values for it", v.Key, v.Path, failure.ErrRefused)
		}
		if out[v.Path] == nil {
			out[v.Path] = map[string]string{}
		}
		out[v.Path][v.Key] = v.Value
	}
	return out, nil
}

// Compare implements the reconciler's port Secrets. If Denied is set, the rest may be missing: what a policy hides was
// not compared.
func (c *Client) Compare(ctx context.Context, t evidence.SecretTree) (evidence.Secrets, error) {
	out, err := c.compare(ctx, t)
	if errors.Is(err, errDenied) {
		// A policy on some folder or secret that the questions before could not foresee.
		return evidence.Secrets{Denied: err.Error()}, nil
	}
	if err != nil {
		return evidence.Secrets{}, fmt.Errorf("compare secrets %s with %s: %w", t.From, t.To, err)
	}
	return out, nil
}

func (c *Client) compare(ctx context.Context, t evidence.SecretTree) (out evidence.Secrets, err error) {
	p, err := c.pair(ctx, t)
	if err != nil {
		return out, err
	}
	if out.Denied, err = c.denied(ctx, []need{p.from.toList(), p.to.toList()}); err != nil || out.Denied != "" {
		return out, err
	}
	var originals, copies []string
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		originals, err = c.walk(groupCtx, p.from)
		return err
	})
	group.Go(func() (err error) {
		copies, err = c.walk(groupCtx, p.to)
		return err
	})
	if err := group.Wait(); err != nil {
		return out, err
	}
	needs := slices.Concat(p.from.toRead(originals), p.to.toCopy(originals), p.to.toRead(without(copies, originals)))
	if out.Denied, err = c.denied(ctx, needs); err != nil || out.Denied != "" {
		return out, err
	}
	all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(originals, copies))))
	out.SyncUnchecked = len(c.syncRoles) == 0
	if out.Denied, err = c.deniedSync(ctx, p.to.toSync(all)); err != nil || out.Denied != "" {
		return out, err
	}
	found := make([]compared, len(all))
	err = each(ctx, all, func(ctx context.Context, i int, rel string) (err error) {
		found[i], err = c.compareOne(ctx, p, rel, has(originals, rel), has(copies, rel))
		return err
	})
	if err != nil {
		return out, err
	}
	for _, f := range found {
		if f.original {
			out.Paths++
			out.Keys += f.keys
		}
		out.Different = append(out.Different, f.different...)
	}
	if out.Paths == 0 {
		return out, fmt.Errorf("%w: there is no secret below %s", failure.ErrRefused, p.from.name)
	}
	for _, rel := range slices.Sorted(maps.Keys(p.set)) {
		if i, ok := slices.BinarySearch(all, rel); !ok || !found[i].original {
			return out, fmt.Errorf("%w: git sets a key of the secret %q, which %s does not have", failure.ErrRefused, rel, p.from.name)
		}
	}
	return out, nil
}

// without is the names that others lack. Both are sorted.
func without(names, others []string) []string {
	var out []string
	for _, name := range names {
		if !has(others, name) {
			out = append(out, name)
		}
	}
	return out
}

func has(sorted []string, name string) bool {
	_, ok := slices.BinarySearch(sorted, name)
	return ok
}

// compared is what was found out about one path.
type compared struct {
	original  bool // the original has it
	keys      int  // of the original
	different []evidence.SecretDifference
}

// compareOne compares a path that was listed below one of the roots, or below both.
func (c *Client) compareOne(ctx context.Context, p pair, rel string, inFrom, inTo bool) (out compared, err error) {
	original, err := c.hashed(ctx, p.from, rel, inFrom)
	if err != nil {
		return out, err
	}
	copied, err := c.hashed(ctx, p.to, rel, inTo)
	if err != nil {
		return out, err
	}
	differ := func(key string, kind evidence.SecretKind) {
		out.different = append(out.different, evidence.SecretDifference{Path: rel, Key: key, Kind: kind})
	}
	want := original.keys
	if out.original = original.exists; out.original {
		out.keys = len(want)
		for key, value := range p.set[rel] {
			if want[key], err = c.digest(rel, key, value); err != nil {
				return out, err
			}
		}
	}
	for key, digest := range want {
		have, ok := copied.keys[key]
		_, fromGit := p.set[rel][key]
		switch {
		case !ok:
			differ(key, evidence.SecretMissing)
		case have != digest && fromGit:
			differ(key, evidence.SecretStale)
		case have != digest:
			differ(key, evidence.SecretDiffers)
		}
	}
	for key := range copied.keys {
		if _, ok := want[key]; !ok {
			differ(key, evidence.SecretExtra)
		}
	}
	switch {
	case original.exists && !copied.exists && len(want) == 0:
		differ("", evidence.SecretMissing)
	case !original.exists && copied.exists && len(copied.keys) == 0:
		differ("", evidence.SecretExtra)
	case original.exists && copied.exists && p.to.versioned && p.from.versioned:
		before, err := c.readSettings(ctx, p.from, rel)
		if err != nil {
			return out, err
		}
		after, err := c.readSettings(ctx, p.to, rel)
		if err != nil {
			return out, err
		}
		if !after.equal(before.wanted(after)) {
			differ("", evidence.SecretDiffers)
		}
	}
	slices.SortFunc(out.different, func(a, b evidence.SecretDifference) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

// hashed is a secret of which only digests are left.
type hashed struct {
	exists bool
	keys   map[string]digest
}

// hashed reads a secret; one that was not listed is none.
func (c *Client) hashed(ctx context.Context, r root, rel string, listed bool) (hashed, error) {
	if !listed {
		return hashed{}, nil
	}
	s, err := c.readListed(ctx, r, rel)
	if err != nil || !s.exists {
		return hashed{}, err
	}
	keys, err := c.digests(rel, s.data)
	return hashed{true, keys}, err
}
