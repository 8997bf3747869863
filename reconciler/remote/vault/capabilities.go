package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cutover/reconciler/failure"
)

// need is what a policy must allow at a path.
type need struct {
	path         string
	capabilities []string
}

// asked is how many paths one request asks about. Vault takes requests of 32 MiB; a path has some hundred bytes.
const asked = 1000

// denied says in a sentence what the token's policies lack of the needs; "" if nothing.
func (c *Client) denied(ctx context.Context, needs []need) (string, error) {
	for batch := range slices.Chunk(needs, asked) {
		paths := make([]string, len(batch))
		for i, n := range batch {
			paths[i] = n.path
		}
		answer, err := c.write(ctx, "sys/capabilities-self", map[string]any{"paths": paths})
		if errors.Is(err, errDenied) {
			return "the token has ended, or its policies do not let it ask what it may do (update on sys/capabilities-self)", nil
		}
		if err != nil {
			return "", err
		}
		if answer == nil {
			return "", fmt.Errorf("write sys/capabilities-self: %w: the answer is empty", failure.ErrTransient)
		}
		for _, n := range batch {
			held, known := answer.Data[n.path]
			if !known {
				continue // a name that Vault spells in another way; the call itself will tell
			}
			have, err := texts("write sys/capabilities-self", held)
			if err != nil {
				return "", err
			}
			if missing := n.missing(have); len(missing) > 0 {
				return fmt.Sprintf("the token's policies lack %s on %s", strings.Join(missing, ", "), n.path), nil
			}
		}
	}
	return "", nil
}

func (n need) missing(have []string) []string {
	if slices.Contains(have, "root") {
		return nil
	}
	var out []string
	for _, capability := range n.capabilities {
		if !slices.Contains(have, capability) {
			out = append(out, capability)
		}
	}
	return out
}

// toList is what listing a root needs. A policy on a folder is asked with its slash.
func (r root) toList() need { return need{strings.TrimRight(r.meta(""), "/") + "/", []string{"list"}} }

// toRead is what reading secrets of a root with their settings needs.
func (r root) toRead(paths []string) []need {
	var needs []need
	for _, rel := range paths {
		needs = append(needs, need{r.data(rel), []string{"read"}})
		if r.versioned {
			needs = append(needs, need{r.meta(rel), []string{"read"}})
		}
	}
	return needs
}

// toCopy is what writing copies at a root needs.
func (r root) toCopy(paths []string) []need {
	var needs []need
	for _, rel := range paths {
		needs = append(needs, need{r.data(rel), []string{"create", "read", "update"}})
		if r.versioned {
			needs = append(needs, need{r.meta(rel), []string{"create", "read", "update"}})
		} else if r.prefix != "" {
			needs = append(needs, need{r.kept(rel, "time"), []string{"create"}})
		}
	}
	if r.versioned {
		needs = append(needs, need{r.config(), []string{"read"}})
	}
	return needs
}

// config is where version 2 of the engine has its configuration.
func (r root) config() string { return r.mount + "config" }
