package contract

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

// RoleStore is IAM as the reconciler uses it.
type RoleStore interface {
	Role(ctx context.Context, name, principal string) (evidence.Role, error)
	Trust(ctx context.Context, name, principal string) error
	Distrust(ctx context.Context, name, principal string) error
}

// RoleHost is an IAM and what a person does in it.
type RoleHost struct {
	Store RoleStore
	// Create makes a role whose trust policy lets the principals in.
	Create func(t *testing.T, name string, principals ...string)
	// Deny adds to the role's trust policy that it denies the principal.
	Deny func(t *testing.T, name, principal string)
	// Spoil makes the role's trust policy one that nobody can read. It is nil where that is impossible.
	Spoil func(t *testing.T, name string)
	// Policy is the role's trust policy as a person sees it, in any form that is equal only for equal policies.
	Policy func(t *testing.T, name string) string
}

// Roles holds an implementation to the contract of the reconciler's port Roles. Names are unique, so that IAM may be
// shared with other tests.
func Roles(t *testing.T, open func(t *testing.T) RoleHost) {
	for name, check := range map[string]func(roles, *testing.T){
		"a missing role is told":                         roles.missing,
		"a role that does not trust is told":             roles.untrusted,
		"trusting lets the principal in":                 roles.trusted,
		"trusting is safe to repeat":                     roles.trustedAgain,
		"two principals are trusted side by side":        roles.two,
		"distrusting gives the policy that was":          roles.undone,
		"distrusting what was never trusted is no error": roles.distrustedNothing,
		"what others trust already stays theirs":         roles.trustedByOthers,
		"a denied principal is a problem":                roles.denied,
		"one that is trusted and denied is not trusted":  roles.trustedAndDenied,
		"a policy that cannot be read is a problem":      roles.spoiled,
		"a principal that is no ARN is refused":          roles.notAnARN,
	} {
		t.Run(name, func(t *testing.T) {
			check(roles{RoleHost: open(t), name: "contract-" + uuid.NewString()[:8]}, t)
		})
	}
}

type roles struct {
	RoleHost
	name string
}

// The principals: that of the old cluster's nodes, of the new one's, and another.
const (
	oldNodes = "arn:aws:iam::123456789012:role/nodes.orbit-prod"
	newNodes = "arn:aws:iam::123456789012:role/nodes.orbit-prod2"
	ciRunner = "arn:aws:iam::210987654321:role/path/ci+runner@build"
)

// role fails the test unless the role lets in those, and trusts the principal if it is one of them.
func (r roles) role(t *testing.T, principal string, in ...string) {
	t.Helper()
	want := evidence.Role{Name: r.name, Principals: in, Missing: in == nil, Trusts: slices.Contains(in, principal)}
	got, err := r.Store.Role(t.Context(), r.name, principal)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("role for %s (-want +got):\n%s", principal, diff)
	}
}

// do fails the test unless the call has no error.
func (r roles) do(t *testing.T, call func(ctx context.Context, name, principal string) error, principal string) {
	t.Helper()
	if err := call(t.Context(), r.name, principal); err != nil {
		t.Fatal(err)
	}
}

// problem fails the test unless the role has a problem, trusting is refused, and the policy stays as it is.
func (r roles) problem(t *testing.T, principal string) {
	t.Helper()
	before := r.Policy(t, r.name)
	got, err := r.Store.Role(t.Context(), r.name, principal)
	if err != nil || got.Problem == "" {
		t.Errorf("role = %+v, %v, want one with a problem", got, err)
	}
	wantError(t, r.Store.Trust(t.Context(), r.name, principal), failure.ErrRefused)
	if after := r.Policy(t, r.name); after != before {
		t.Errorf("the policy changed from %s to %s", before, after)
	}
}

func (r roles) missing(t *testing.T) {
	r.role(t, newNodes)
	wantError(t, r.Store.Trust(t.Context(), r.name, newNodes), failure.ErrNotFound)
	wantError(t, r.Store.Distrust(t.Context(), r.name, newNodes), failure.ErrNotFound)
}

func (r roles) untrusted(t *testing.T) {
	r.Create(t, r.name, oldNodes)
	r.role(t, oldNodes, oldNodes)
	r.role(t, newNodes, oldNodes)
}

func (r roles) trusted(t *testing.T) {
	r.Create(t, r.name, oldNodes)
	r.do(t, r.Store.Trust, newNodes)
	for _, principal := range []string{oldNodes, newNodes, ciRunner} {
		r.role(t, principal, oldNodes, newNodes)
	}
}

func (r roles) trustedAgain(t *testing.T) {
	r.Create(t, r.name, oldNodes)
	r.do(t, r.Store.Trust, newNodes)
	once := r.Policy(t, r.name)
	r.do(t, r.Store.Trust, newNodes)
	if again := r.Policy(t, r.name); again != once {
		t.Errorf("the second time changed the policy from %s to %s", once, again)
	}
}

func (r roles) two(t *testing.T) {
	r.Create(t, r.name, oldNodes)
	before := r.Policy(t, r.name)
	r.do(t, r.Store.Trust, newNodes)
	r.do(t, r.Store.Trust, ciRunner)
	r.do(t, r.Store.Distrust, newNodes)
	r.role(t, newNodes, oldNodes, ciRunner)
	r.role(t, ciRunner, oldNodes, ciRunner)
	r.do(t, r.Store.Distrust, ciRunner)
	if after := r.Policy(t, r.name); after != before {
		t.Errorf("the policy was %s and is %s", before, after)
	}
}

func (r roles) undone(t *testing.T) {
	for _, principals := range [][]string{{oldNodes}, {oldNodes, ciRunner}} {
		r.name = "contract-" + uuid.NewString()[:8]
		r.Create(t, r.name, principals...)
		before := r.Policy(t, r.name)
		r.do(t, r.Store.Trust, newNodes)
		for range 2 {
			r.do(t, r.Store.Distrust, newNodes)
			if after := r.Policy(t, r.name); after != before {
				t.Errorf("the policy was %s and is %s", before, after)
			}
		}
		r.role(t, newNodes, principals...)
	}
}

func (r roles) distrustedNothing(t *testing.T) {
	r.Create(t, r.name, oldNodes)
	before := r.Policy(t, r.name)
	r.do(t, r.Store.Distrust, newNodes)
	if after := r.Policy(t, r.name); after != before {
		t.Errorf("the policy was %s and is %s", before, after)
	}
}

func (r roles) trustedByOthers(t *testing.T) {
	r.Create(t, r.name, oldNodes, newNodes)
	before := r.Policy(t, r.name)
	r.role(t, newNodes, oldNodes, newNodes)
	for _, call := range []func(context.Context, string, string) error{r.Store.Trust, r.Store.Distrust} {
		r.do(t, call, newNodes)
		if after := r.Policy(t, r.name); after != before {
			t.Errorf("the policy was %s and is %s", before, after)
		}
	}
}

func (r roles) denied(t *testing.T) {
	r.Create(t, r.name, oldNodes)
	r.Deny(t, r.name, newNodes)
	r.problem(t, newNodes)
	r.role(t, oldNodes, oldNodes)
}

// trustedAndDenied: a Deny wins over every Allow.
func (r roles) trustedAndDenied(t *testing.T) {
	r.Create(t, r.name, oldNodes, newNodes)
	r.Deny(t, r.name, newNodes)
	r.problem(t, newNodes)
	got, err := r.Store.Role(t.Context(), r.name, newNodes)
	if err != nil || got.Trusts || !slices.Equal(got.Principals, []string{oldNodes}) {
		t.Errorf("role = %+v, %v, want one that lets in only the old nodes", got, err)
	}
}

func (r roles) spoiled(t *testing.T) {
	if r.Spoil == nil {
		return // this IAM takes no such policy
	}
	r.Create(t, r.name, oldNodes)
	r.Spoil(t, r.name)
	r.problem(t, newNodes)
	wantError(t, r.Store.Distrust(t.Context(), r.name, newNodes), failure.ErrRefused)
}

func (r roles) notAnARN(t *testing.T) {
	r.Create(t, r.name, oldNodes)
	for _, principal := range []string{"", "nodes.orbit-prod2", "*"} {
		r.problem(t, principal)
	}
}
