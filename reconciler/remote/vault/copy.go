package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

// Copy implements the reconciler's port Secrets. A path that fails does not keep the others from being copied.
func (c *Client) Copy(ctx context.Context, t evidence.SecretTree, paths []string) error {
	call := fmt.Sprintf("copy secrets %s to %s", t.From, t.To)
	p, err := c.pair(ctx, t)
	if err != nil {
		return fmt.Errorf("%s: %w", call, err)
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	var mu sync.Mutex // guards errs
	var errs []error
	for _, rel := range slices.Compact(slices.Sorted(slices.Values(paths))) {
		group.Go(func() error {
			if err := c.copyOne(ctx, p, rel); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("%s: %w", call, err))
			}
			return nil
		})
	}
	_ = group.Wait() // all are tried; their errors are in errs
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

func (c *Client) copyOne(ctx context.Context, p pair, rel string) error {
	if !addressable(rel) {
		return fmt.Errorf("%w: no secret can have the path %q", failure.ErrRefused, rel)
	}
	original, err := c.readSecretAt(ctx, p.from, rel)
	if err != nil || !original.exists {
		return err
	}
	copied, err := c.readSecretAt(ctx, p.to, rel)
	if err != nil {
		return err
	}
	want := p.wanted(rel, original.data, copied.data)
	loses, same, err := c.judge(rel, copied, want)
	if err != nil {
		return err
	}
	if p.to.versioned {
		return c.copyVersioned(ctx, p, rel, want, copied, loses, same)
	}
	if same {
		return nil
	}
	if loses {
		if err := c.keep(ctx, p.to, rel, copied); err != nil {
			return err
		}
	}
	_, err = c.write(ctx, p.to.data(rel), want)
	return err
}

// wanted is what a copy should hold. What only the copy has is left alone, and before the freeze what people changed in it.
func (p pair) wanted(rel string, original, copied map[string]any) map[string]any {
	want := map[string]any{}
	if p.overwrite {
		maps.Copy(want, copied)
		maps.Copy(want, original)
	} else {
		maps.Copy(want, original)
		maps.Copy(want, copied)
	}
	for key, value := range p.set[rel] {
		want[key] = value
	}
	return want
}

// judge tells whether a copy is as it should be, and whether a value of it would be replaced.
func (c *Client) judge(rel string, copied secret, want map[string]any) (loses, same bool, err error) {
	have, err := c.digests(rel, copied.data)
	if err != nil {
		return false, false, err
	}
	wanted, err := c.digests(rel, want)
	if err != nil {
		return false, false, err
	}
	for key, d := range have {
		loses = loses || wanted[key] != d
	}
	return loses, copied.exists && maps.Equal(have, wanted), nil
}

// copyVersioned writes settings, and then a new version on top of the one that was read.
func (c *Client) copyVersioned(ctx context.Context, p pair, rel string, want map[string]any, copied secret, loses, same bool) error {
	if !same {
		if err := c.storable(p.to, rel, want); err != nil {
			return err
		}
	}
	after, err := c.readSettings(ctx, p.to, rel)
	if err != nil {
		return err
	}
	wanted := after
	if p.from.versioned && (p.overwrite || !copied.exists) {
		before, err := c.readSettings(ctx, p.from, rel)
		if err != nil {
			return err
		}
		wanted = before.wanted(after)
	}
	if !after.equal(wanted) {
		if err := c.writeSettings(ctx, p.to, rel, wanted); err != nil {
			return err
		}
	}
	if same {
		return nil
	}
	if loses {
		if err := c.keepsVersions(ctx, p.to, rel, wanted); err != nil {
			return err
		}
	}
	_, err = c.write(ctx, p.to.data(rel), map[string]any{
		"data":    want,
		"options": map[string]any{"cas": copied.version},
	})
	return err
}

// keepsVersions refuses to overwrite a copy of which the engine would keep only the newest version. The engine keeps
// the larger of the secret's number and its own (vault-plugin-secrets-kv, KeyMetadata.AddVersion).
func (c *Client) keepsVersions(ctx context.Context, r root, rel string, s settings) error {
	if s.maxVersions > 1 {
		return nil
	}
	answer, err := c.read(ctx, r.config())
	if err != nil {
		return fmt.Errorf("find out whether the older version would be kept: %w", err)
	}
	engine := int64(0)
	if answer != nil {
		engine = number(answer.Data["max_versions"])
	}
	if max(engine, s.maxVersions) == 1 {
		return fmt.Errorf("write %s: %w: only one version of it is kept, so what it holds would be lost: set max_versions to 2 or more", r.data(rel), failure.ErrRefused)
	}
	return nil
}

// kept is where version 1 of the engine has what a copy held before.
func (r root) kept(rel, name string) string {
	return r.mount + r.prefix + ".cutover-kept/" + rel + "/" + name
}

// keep writes what a copy holds to a place beside the copies.
func (c *Client) keep(ctx context.Context, r root, rel string, s secret) error {
	if r.prefix == "" {
		return fmt.Errorf("write %s: %w: the engine keeps no versions, and there is no place beside a whole engine to keep what the copy holds: copy into a folder of it, or upgrade it to version 2", r.data(rel), failure.ErrRefused)
	}
	_, err := c.write(ctx, r.kept(rel, time.Now().UTC().Format("20060102T150405.000000000Z")), s.data)
	return err
}
