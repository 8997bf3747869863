package reconciler

import (
	"context"
	"maps"
	"reflect"
	"slices"

	"cutover/reconciler/evidence"
)

// observeRoles asks IAM for every role that the migration names (step 4).
func (r *Reconciler) observeRoles(ctx context.Context, d *desired, k *knowledge, e *evidence.Evidence) (err error) {
	trust := d.migration.Trust
	if len(trust.Roles) > 0 && r.Roles == nil {
		return unconfigured(d, "aws", "the migration names roles")
	}
	if !reflect.DeepEqual(k.trust, trust) {
		k.roles.forget()
		k.trust = trust
	}
	e.Roles, err = k.roles.get(r.Now(), rolesFor, func() ([]evidence.Role, error) {
		return gather(ctx, r.Width, trust.Roles, func(ctx context.Context, name string) (evidence.Role, error) {
			return r.Roles.Role(ctx, name, trust.Principal)
		})
	})
	if err != nil {
		return err
	}
	e.Roles = slices.Clone(e.Roles)
	return r.compareRoles(ctx, d, k, e.Roles)
}

// rolesKey is the note of whom each role let in when it was first seen.
const rolesKey = "roles"

// compareRoles tells whom each role let in when it was first seen, and lets in no more. The first sight is noted before
// anything is done with the role, and forgotten once the migration no longer names it: so people accept what they changed.
func (r *Reconciler) compareRoles(ctx context.Context, d *desired, k *knowledge, roles []evidence.Role) error {
	first := map[string][]string{}
	if _, err := r.note(ctx, d, rolesKey, &first); err != nil {
		return err
	}
	before := maps.Clone(first)
	maps.DeleteFunc(first, func(name string, _ []string) bool { return !slices.Contains(d.migration.Trust.Roles, name) })
	for i, role := range roles {
		if role.Missing || len(role.Principals) == 0 && role.Problem != "" {
			continue // whom it lets in is not known
		}
		was, seen := first[role.Name]
		if !seen {
			first[role.Name] = role.Principals
		}
		for _, principal := range was {
			if principal != d.migration.Trust.Principal && !slices.Contains(role.Principals, principal) {
				roles[i].Lost = append(roles[i].Lost, principal)
			}
		}
	}
	if !k.acts || reflect.DeepEqual(before, first) {
		return nil
	}
	return r.setNote(ctx, d, rolesKey, first)
}
