package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"cutover/reconciler/failure"
)

// root is a folder of a key-value secrets engine, below which are the secrets of one cluster.
type root struct {
	name      string // as it was given: mount and folder
	mount     string // ends in a slash, and may have others
	prefix    string // the folder in the mount; "" for all of it
	versioned bool   // the engine is of version 2
}

// data is where the value of a secret is, and meta where its metadata is. Version 1 has both in one place.
func (r root) data(rel string) string { return r.at("data", rel) }
func (r root) meta(rel string) string { return r.at("metadata", rel) }

func (r root) at(part, rel string) string {
	in := strings.Trim(r.prefix+"/"+rel, "/")
	if !r.versioned {
		return r.mount + in
	}
	return r.mount + part + "/" + in
}

// below tells whether r is other or a folder in it.
func (r root) below(other root) bool {
	return strings.HasPrefix(r.mount+strings.Trim(r.prefix, "/")+"/", other.mount+strings.Trim(other.prefix, "/")+"/") ||
		r.mount == other.mount && other.prefix == ""
}

// addressable tells whether a name, which a listing gave or a person wrote, can be asked for: an URL's path with empty
// parts or dots would be taken for another one on the way.
func addressable(rel string) bool {
	return rel != "" && path.Clean("/"+rel) == "/"+rel && !strings.ContainsFunc(rel, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// root finds the secrets engine that a path leads to.
func (c *Client) root(ctx context.Context, name string) (root, error) {
	name = strings.Trim(name, "/")
	if !addressable(name) {
		return root{}, fmt.Errorf("find the secrets engine of %q: %w: it is no path, such as k8s-secret/orbit-prod", name, failure.ErrRefused)
	}
	call := "find the secrets engine of " + name
	answer, err := c.read(ctx, "sys/internal/ui/mounts/"+name)
	switch {
	case errors.Is(err, errDenied):
		// Vault does not tell strangers what is mounted where.
		return root{}, fmt.Errorf("%s: %w: there is none, or no policy of the token reaches into it", call, errDenied)
	case err != nil:
		return root{}, fmt.Errorf("%s: %w", call, err)
	case answer == nil:
		return root{}, fmt.Errorf("%s: %w", call, failure.ErrNotFound)
	}
	mount, _ := answer.Data["path"].(string)
	kind, _ := answer.Data["type"].(string)
	options, _ := answer.Data["options"].(map[string]any)
	if mount == "" || !strings.HasPrefix(name+"/", mount) {
		return root{}, fmt.Errorf("%s: %w: Vault answers with another path", call, failure.ErrTransient)
	}
	if kind != "kv" && kind != "generic" {
		return root{}, fmt.Errorf("%s: %w: the engine at %s is of type %q, and only kv is known", call, failure.ErrRefused, mount, kind)
	}
	return root{name: name, mount: mount, prefix: strings.Trim(strings.TrimPrefix(name+"/", mount), "/"), versioned: options["version"] == "2"}, nil
}

// walk lists every secret below a root, sorted, whether or not it has a value. A folder and a secret may have the same
// name.
func (c *Client) walk(ctx context.Context, r root) ([]string, error) {
	var secrets []string
	for folders := []string{""}; len(folders) > 0; {
		found := make([][]string, len(folders))
		group, groupCtx := errgroup.WithContext(ctx)
		group.SetLimit(parallel)
		for i, folder := range folders {
			group.Go(func() (err error) {
				if found[i], err = c.list(groupCtx, r.meta(folder)); err == nil && folder != "" && len(found[i]) == 0 {
					err = fmt.Errorf("list %s: %w: the folder was there a moment ago, and is empty", r.meta(folder), failure.ErrTransient)
				}
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		var deeper []string
		for i, names := range found {
			for _, name := range names {
				rel := folders[i] + name
				inner, isFolder := strings.CutSuffix(rel, "/")
				if !addressable(inner) {
					return nil, fmt.Errorf("list %s: %w: the name %q cannot be asked for: rename it", r.meta(folders[i]), failure.ErrRefused, name)
				}
				if isFolder {
					deeper = append(deeper, rel)
				} else {
					secrets = append(secrets, rel)
				}
			}
		}
		folders = deeper
	}
	slices.Sort(secrets)
	return secrets, nil
}

// each calls f for every item, several at a time, until one fails.
func each[T any](ctx context.Context, items []T, f func(ctx context.Context, i int, item T) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, item := range items {
		group.Go(func() error { return f(ctx, i, item) })
	}
	return group.Wait()
}

// number reads a JSON number of an answer; 0 if there is none.
func number(held any) int64 {
	n, _ := held.(json.Number)
	value, _ := n.Int64()
	return value
}
