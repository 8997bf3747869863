package world

import (
	"context"
	"fmt"
	"slices"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

// role is a role of IAM: whom its trust policy lets in.
type role struct {
	principals []string
	problem    string // why the policy cannot be changed; "" if it can
}

// IAM is the roles as the program uses them.
type IAM struct{ p *Process }

// Role implements reconciler.Roles.
func (i IAM) Role(ctx context.Context, name, principal string) (evidence.Role, error) {
	return look(ctx, i.p, portIAM, "role "+name, false, func() (evidence.Role, error) {
		r, ok := i.p.w.roles[name]
		if !ok {
			return evidence.Role{Name: name, Missing: true}, nil
		}
		return evidence.Role{Name: name, Trusts: slices.Contains(r.principals, principal), Problem: r.problem}, nil
	})
}

func (i IAM) change(ctx context.Context, what, name string, f func(*role)) error {
	return do(ctx, i.p, portIAM, what+" "+name, func() error {
		r, ok := i.p.w.roles[name]
		switch {
		case !ok:
			return fmt.Errorf("%w: role %s", failure.ErrNotFound, name)
		case r.problem != "":
			return fmt.Errorf("%w: %s", failure.ErrRefused, r.problem)
		}
		f(r)
		return nil
	})
}

// Trust implements reconciler.Roles.
func (i IAM) Trust(ctx context.Context, name, principal string) error {
	return i.change(ctx, "trust", name, func(r *role) {
		if !slices.Contains(r.principals, principal) {
			r.principals = append(r.principals, principal)
		}
	})
}

// Distrust implements reconciler.Roles.
func (i IAM) Distrust(ctx context.Context, name, principal string) error {
	return i.change(ctx, "distrust", name, func(r *role) {
		i.p.w.judge.distrusts(i.p.w, name, principal)
		r.principals = slices.DeleteFunc(r.principals, func(p string) bool { return p == principal })
	})
}
