package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"cutover/reconciler/failure"
)

// secret is the newest version of a secret. It holds values: it is read, hashed or copied, and let go of.
type secret struct {
	answered bool           // Vault says something of it
	exists   bool           // false if there is none, or if its newest version was deleted or destroyed
	data     map[string]any // numbers are json.Number, so that they are written as they were
	version  int64          // the newest version, deleted or not; 0 if there is none, and in version 1 of the engine
}

// readListed reads the newest version of a secret that was listed a moment ago. One that is gone by now is
// failure.ErrTransient: a reading is of one moment, or it is none.
func (c *Client) readListed(ctx context.Context, r root, rel string) (secret, error) {
	s, err := c.readSecretAt(ctx, r, rel)
	if err != nil || s.answered {
		return s, err
	}
	if r.versioned { // it may have settings alone, and never had a version
		answer, err := c.read(ctx, r.meta(rel))
		if errors.Is(err, errDenied) {
			return s, nil // secret-sync need not read settings, and then Vault is believed
		}
		if err != nil {
			return secret{}, err
		}
		if answer != nil && number(answer.Data["current_version"]) == 0 {
			return s, nil
		}
	}
	return secret{}, fmt.Errorf("read %s: %w: it was there a moment ago, and is not", r.data(rel), failure.ErrTransient)
}

// readSecretAt reads a secret's newest version.
func (c *Client) readSecretAt(ctx context.Context, r root, rel string) (secret, error) {
	at := r.data(rel)
	answer, err := c.read(ctx, at)
	if err != nil || answer == nil {
		return secret{}, err
	}
	if !r.versioned {
		return secret{answered: true, exists: true, data: answer.Data}, nil
	}
	meta, ok := answer.Data["metadata"].(map[string]any)
	if !ok {
		return secret{}, fmt.Errorf("read %s: %w: the answer has no metadata", at, failure.ErrTransient)
	}
	data, exists := answer.Data["data"].(map[string]any)
	return secret{true, exists, data, number(meta["version"])}, nil
}

// settings is what version 2 keeps of a secret beside its versions.
type settings struct {
	maxVersions int64 // 0 for as many as the engine's configuration says
	casRequired bool
	deleteAfter string // the age at which a version is deleted, in Vault's own words; 0s for never
	custom      map[string]string
}

// noSettings is what a secret has that nobody gave any.
var noSettings = settings{deleteAfter: "0s"}

// readSettings reads a secret's settings; those of version 1 are never set.
func (c *Client) readSettings(ctx context.Context, r root, rel string) (settings, error) {
	if !r.versioned {
		return noSettings, nil
	}
	answer, err := c.read(ctx, r.meta(rel))
	if err != nil || answer == nil {
		return noSettings, err
	}
	out := settings{maxVersions: number(answer.Data["max_versions"]), deleteAfter: noSettings.deleteAfter}
	out.casRequired, _ = answer.Data["cas_required"].(bool)
	if after, ok := answer.Data["delete_version_after"].(string); ok {
		out.deleteAfter = after
	}
	if custom, ok := answer.Data["custom_metadata"].(map[string]any); ok {
		out.custom = make(map[string]string, len(custom))
		for key, held := range custom {
			out.custom[key], _ = held.(string)
		}
	}
	return out, nil
}

// wanted is what a copy's settings should be: the original's, and what only the copy has of custom metadata. Of versions
// it keeps as many as either says. One that keeps a single version could not be overwritten without losing what it held,
// so it keeps two.
func (s settings) wanted(copied settings) settings {
	s.maxVersions = max(s.maxVersions, copied.maxVersions)
	if s.maxVersions == 1 {
		s.maxVersions = 2
	}
	custom := maps.Clone(copied.custom)
	if custom == nil {
		custom = map[string]string{}
	}
	maps.Copy(custom, s.custom)
	s.custom = custom
	return s
}

func (s settings) equal(other settings) bool {
	return s.maxVersions == other.maxVersions && s.casRequired == other.casRequired && s.deleteAfter == other.deleteAfter &&
		maps.Equal(s.custom, other.custom)
}

// writeSettings writes a secret's settings, before its first version or over those it has.
func (c *Client) writeSettings(ctx context.Context, r root, rel string, s settings) error {
	_, err := c.write(ctx, r.meta(rel), map[string]any{
		"max_versions":         s.maxVersions,
		"cas_required":         s.casRequired,
		"delete_version_after": s.deleteAfter,
		"custom_metadata":      s.custom,
	})
	return err
}

// Tree is the secrets below a root, each by its path relative to the root, and in it the values by key.
type Tree map[string]map[string]Value

// Read reads every secret below a root, such as k8s-secret/orbit-prod, or fails. A secret whose newest version is
// deleted is not there. What is not a text is given as JSON.
func (c *Client) Read(ctx context.Context, name string) (Tree, error) {
	r, err := c.root(ctx, name)
	if err != nil {
		return nil, err
	}
	paths, err := c.walk(ctx, r)
	if err != nil {
		return nil, err
	}
	found := make([]map[string]Value, len(paths))
	err = each(ctx, paths, func(ctx context.Context, i int, rel string) error {
		s, err := c.readListed(ctx, r, rel)
		if err != nil || !s.exists {
			return err
		}
		found[i] = make(map[string]Value, len(s.data))
		for key, held := range s.data {
			if found[i][key], err = valueOf(held); err != nil {
				return fmt.Errorf("read %s: key %q: %w", r.data(rel), key, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	tree := Tree{}
	for i, rel := range paths {
		if found[i] != nil {
			tree[rel] = found[i]
		}
	}
	return tree, nil
}
