package iam

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	awspolicy "github.com/hashicorp/awspolicyequivalence"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

// Role tells whom the role lets in, whether the principal, an ARN, is among them, and if Trust cannot succeed, why.
func (c *Client) Role(ctx context.Context, name, principal string) (evidence.Role, error) {
	role := evidence.Role{Name: name}
	text, err := c.document(ctx, name)
	if errors.Is(err, failure.ErrNotFound) {
		role.Missing = true
		return role, nil
	}
	if err != nil {
		return evidence.Role{}, fmt.Errorf("read role %s: %w", name, err)
	}
	p, err := parse(text)
	if err != nil {
		role.Problem = "its trust policy cannot be read: " + err.Error()
		return role, nil
	}
	role.Principals = p.lets()
	role.Trusts = p.trusts(principal) && p.denies(principal) == ""
	if _, err := c.trusted(p, principal); err != nil {
		role.Problem = err.Error()
	}
	return role, nil
}

// Trust adds the principal to the role's trust policy, unless that trusts it already. It fails with failure.ErrRefused,
// and a sentence, if the policy denies the principal, cannot be read or would become too long.
func (c *Client) Trust(ctx context.Context, name, principal string) error {
	if err := c.edit(ctx, name, principal, c.trusted); err != nil {
		return fmt.Errorf("trust %s in role %s: %w", principal, name, err)
	}
	return nil
}

// Distrust takes out the statement that Trust added. If there is none, it changes nothing, and the principal is trusted as
// far as others trust it. It fails with failure.ErrRefused if somebody changed the statement.
func (c *Client) Distrust(ctx context.Context, name, principal string) error {
	if err := c.edit(ctx, name, principal, policy.without); err != nil {
		return fmt.Errorf("distrust %s in role %s: %w", principal, name, err)
	}
	return nil
}

// trusted is the policy's text with the principal trusted, if that can be.
func (c *Client) trusted(p policy, principal string) (string, error) {
	if !strings.HasPrefix(principal, "arn:") || !utf8.ValidString(principal) {
		return "", fmt.Errorf("the principal %q is not an ARN", principal)
	}
	if why := p.denies(principal); why != "" {
		return "", errors.New("its trust policy cannot let the principal in: " + why)
	}
	text, err := p.with(principal)
	if err != nil {
		return "", err
	}
	if n := length(text); text != p.text && n > c.quota {
		return "", fmt.Errorf("its trust policy would have %d characters, and the quota is %d: shorten the policy; or ask AWS for a higher \"role trust policy length\", up to 4096, and then set aws.policyQuota", n, c.quota)
	}
	return text, nil
}

// edit changes a role's trust policy. What change refuses, it says in a sentence.
func (c *Client) edit(ctx context.Context, name, principal string, change func(policy, string) (string, error)) error {
	before, err := c.document(ctx, name)
	if err != nil {
		return err
	}
	p, err := parse(before)
	if err != nil {
		return fmt.Errorf("%w: its trust policy cannot be read: %w", failure.ErrRefused, err)
	}
	after, err := change(p, principal)
	if err != nil {
		return fmt.Errorf("%w: %w", failure.ErrRefused, err)
	}
	if after == before {
		return nil
	}
	switch now, err := c.document(ctx, name); {
	case err != nil:
		return fmt.Errorf("read again: %w", err)
	case now != before:
		return fmt.Errorf("%w: the trust policy is another one than a moment ago", failure.ErrConflict)
	}
	if err := c.setDocument(ctx, name, after); err != nil {
		return err
	}
	switch now, err := c.document(ctx, name); {
	case err != nil:
		// It is written. What is read tells the caller whether it must look again, not whether it was done.
		return fmt.Errorf("read back: %w: %s", failure.ErrTransient, err.Error())
	case equal(now, after):
		return nil
	case now == before:
		return fmt.Errorf("read back: %w: IAM still gives the old trust policy", failure.ErrTransient)
	default:
		return fmt.Errorf("read back: %w: the trust policy is not the one that was written", failure.ErrConflict)
	}
}

// equal reports whether two policies mean the same: IAM gives lists of principals in an order of its own.
func equal(a, b string) bool {
	same, err := awspolicy.PoliciesAreEquivalent(a, b)
	return a == b || err == nil && same
}

// length is a policy's length as IAM counts it: in characters, without the space between tokens.
func length(text string) int {
	var compact bytes.Buffer
	if json.Compact(&compact, []byte(text)) != nil {
		return utf8.RuneCountInString(text)
	}
	return utf8.RuneCount(compact.Bytes())
}
