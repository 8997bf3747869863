package vault

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"cutover/reconciler/failure"
)

// toSync is what secret-sync needs at a root that has secrets at these paths.
func (r root) toSync(paths []string) []need {
	needs := []need{r.toList()}
	seen := map[string]bool{".": true}
	for _, rel := range paths {
		for folder := path.Dir(rel); !seen[folder]; folder = path.Dir(folder) {
			seen[folder] = true
			needs = append(needs, need{r.meta(folder) + "/", []string{"list"}})
		}
		needs = append(needs, need{r.data(rel), []string{"read"}})
	}
	return needs
}

// deniedSync says in a sentence which of the roles that secret-sync will log in by is missing, or what its policies lack
// of the needs; "" if nothing.
func (c *Client) deniedSync(ctx context.Context, needs []need) (string, error) {
	for _, role := range c.syncRoles {
		answer, err := c.read(ctx, role)
		switch {
		case errors.Is(err, errDenied):
			return "the token's policies lack read on " + role, nil
		case err != nil && !errors.Is(err, failure.ErrRefused) && !errors.Is(err, failure.ErrNotFound):
			return "", err
		case err != nil, answer == nil:
			return fmt.Sprintf("the role %s of secret-sync does not exist", role), nil
		}
		policies, err := texts("read "+role, answer.Data["token_policies"])
		if err != nil {
			return "", err
		}
		if len(policies) == 0 {
			return fmt.Sprintf("the role %s of secret-sync has no policies", role), nil
		}
		if why, err := c.deniedRole(ctx, role, policies, needs); err != nil || why != "" {
			return why, err
		}
	}
	return "", nil
}

// deniedRole is deniedSync for the policies of one role.
func (c *Client) deniedRole(ctx context.Context, role string, policies []string, needs []need) (string, error) {
	var all acl
	for _, policy := range policies {
		answer, err := c.read(ctx, "sys/policies/acl/"+policy)
		switch {
		case errors.Is(err, errDenied):
			return "the token's policies lack read on sys/policies/acl/" + policy, nil
		case err != nil && !errors.Is(err, failure.ErrNotFound):
			return "", err
		case answer == nil:
			return fmt.Sprintf("the policy %s of the role %s does not exist", policy, role), nil
		}
		text, _ := answer.Data["policy"].(string)
		if err := all.add(text); err != nil {
			return "", fmt.Errorf("read policy %s: %w: %w", policy, failure.ErrTransient, err)
		}
	}
	if slices.Contains(policies, "root") {
		return "", nil
	}
	for _, n := range needs {
		if !all.mayDepend(n.path) && !all.allows(n.path, n.capabilities[0]) {
			return fmt.Sprintf("the policies of the role %s of secret-sync lack %s on %s", role, n.capabilities[0], n.path), nil
		}
	}
	return "", nil
}
