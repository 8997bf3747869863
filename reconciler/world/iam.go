package world

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

// role is a role of IAM: whom its trust policy lets in, and whom it does not.
type role struct {
	principals []string        // that others let in
	ours       map[string]bool // that the program let in, by a statement of its own for each
	denied     []string
	problem    string    // why the policy cannot be read; "" if it can
	changed    time.Time // when people last changed whom it lets in
}

// lets are those whom the role lets in, sorted.
func (r *role) lets() []string {
	if r.problem != "" {
		return nil
	}
	var out []string
	for _, principal := range slices.Concat(r.principals, slices.Collect(maps.Keys(r.ours))) {
		if !slices.Contains(r.denied, principal) {
			out = append(out, principal)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// trouble says why the role cannot trust a principal, or "".
func (r *role) trouble(principal string) string {
	switch {
	case r.problem != "":
		return r.problem
	case !strings.HasPrefix(principal, "arn:"):
		return fmt.Sprintf("the principal %q is not an ARN", principal)
	case slices.Contains(r.denied, principal):
		return "the policy denies " + principal
	}
	return ""
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
		in := r.lets()
		return evidence.Role{Name: name, Principals: in, Trusts: slices.Contains(in, principal), Problem: r.trouble(principal)}, nil
	})
}

func (i IAM) change(ctx context.Context, what, name string, f func(*role) error) error {
	return do(ctx, i.p, portIAM, what+" "+name, func() error {
		r, ok := i.p.w.roles[name]
		if !ok {
			return fmt.Errorf("%w: role %s", failure.ErrNotFound, name)
		}
		return f(r)
	})
}

// Trust implements reconciler.Roles.
func (i IAM) Trust(ctx context.Context, name, principal string) error {
	return i.change(ctx, "trust", name, func(r *role) error {
		if why := r.trouble(principal); why != "" {
			return fmt.Errorf("%w: %s", failure.ErrRefused, why)
		}
		i.p.w.judge.rights.trusts(name, r)
		if !slices.Contains(r.principals, principal) {
			r.ours[principal] = true
		}
		return nil
	})
}

// Distrust implements reconciler.Roles.
func (i IAM) Distrust(ctx context.Context, name, principal string) error {
	return i.change(ctx, "distrust", name, func(r *role) error {
		if r.problem != "" {
			return fmt.Errorf("%w: %s", failure.ErrRefused, r.problem)
		}
		i.p.w.judge.distrusts(i.p.w, name, principal)
		delete(r.ours, principal)
		return nil
	})
}

// AddRole makes a role that lets the principals in.
func (w *World) AddRole(name string, principals ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.roles[name] = &role{principals: principals, ours: map[string]bool{}}
}

// DenyPrincipal lets somebody deny a principal in a role's trust policy.
func (w *World) DenyPrincipal(name, principal string) {
	_ = w.act("role "+name+" denies "+principal, func() error {
		w.roles[name].denied = append(w.roles[name].denied, principal)
		return nil
	})
}

// SpoilRole makes a role's trust policy one that cannot be read.
func (w *World) SpoilRole(name string) {
	_ = w.act("the policy of role "+name+" is spoilt", func() error {
		w.roles[name].problem = "the policy cannot be read"
		return nil
	})
}

// Policy is a role's trust policy as a person sees it.
func (w *World) Policy(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.roles[name]
	return fmt.Sprint(r.principals, slices.Sorted(maps.Keys(r.ours)), r.denied, r.problem)
}

// KeepOut lets somebody take out of a role for a while all that others let in.
func (w *World) KeepOut(by, name string, d time.Duration) {
	_ = w.act(by+" takes principals out of role "+name, func() error {
		r := w.roles[name]
		out := r.principals
		r.principals, r.changed = nil, w.now
		w.after(d, "role "+name+" is as it was", func() { r.principals, r.changed = append(r.principals, out...), w.now })
		return nil
	})
}

// Distrust lets somebody take the new nodes' principal out of a role.
func (w *World) Distrust(by, name string) {
	_ = w.act(by+" edits role "+name, func() error {
		delete(w.roles[name].ours, w.migration.Trust.Principal)
		return nil
	})
}
