package iam

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// trusts reports whether a statement without conditions names the principal and lets it assume the role. A statement that
// names its account is none: it leaves the choice to the account's own policies.
func (p policy) trusts(principal string) bool {
	for _, s := range p.statements {
		if s.text("Effect") == "Allow" && !s.has("Condition") && matches(s.list("Action")) && slices.Contains(s.principals(), principal) {
			return true
		}
	}
	return false
}

// lets lists those whom a statement allows something, with or without conditions, and whom none denies it.
func (p policy) lets() []string {
	var out []string
	for _, s := range p.statements {
		if s.text("Effect") != "Allow" {
			continue
		}
		for _, principal := range s.principals() {
			if p.denies(principal) == "" {
				out = append(out, principal)
			}
		}
		var byKind map[string]json.RawMessage
		_ = json.Unmarshal(s.fields["Principal"], &byKind) // a text names AWS principals
		for kind, raw := range byKind {
			if kind == "AWS" {
				continue
			}
			for _, name := range oneOrMore(raw) {
				out = append(out, kind+" "+name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// denies says how the policy denies the principal, or "". A Deny for everybody or for its account counts without conditions
// only: with one, it was meant for all and nothing is known of ours.
func (p policy) denies(principal string) string {
	for _, s := range p.statements {
		covered := matches(s.list("Action"))
		if s.has("NotAction") {
			covered = !matches(s.list("NotAction"))
		}
		if s.text("Effect") != "Deny" || !covered {
			continue
		}
		conditional := s.has("Condition")
		switch {
		case slices.Contains(s.principals(), principal):
			if conditional {
				return s.named() + " denies it to the principal under a condition"
			}
			return s.named() + " denies it to the principal"
		case conditional:
		case s.has("NotPrincipal"):
			if !slices.Contains(awsPrincipals(s.fields["NotPrincipal"]), principal) {
				return s.named() + " denies it to all but some, and the principal is not among them"
			}
		case slices.Contains(s.principals(), "*"):
			return s.named() + " denies it to everybody"
		case containsAccount(s.principals(), principal):
			return s.named() + " denies it to the principal's account"
		}
	}
	return ""
}

// matches reports whether a list of actions, with their wildcards, has sts:AssumeRole in it. Case does not matter.
func matches(actions []string) bool {
	for _, action := range actions {
		pattern := regexp.QuoteMeta(strings.ToLower(action))
		pattern = strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(pattern)
		if matched, err := regexp.MatchString("^(?s:"+pattern+")$", "sts:assumerole"); err == nil && matched {
			return true
		}
	}
	return false
}

// containsAccount reports whether a list has the account of an ARN in it: its number, or the ARN of its root.
func containsAccount(list []string, arn string) bool {
	parts := strings.Split(arn, ":")
	if len(parts) < 6 {
		return false
	}
	return slices.Contains(list, parts[4]) || slices.Contains(list, strings.Join(parts[:5], ":")+":root")
}

func isOnly(list []string, s string) bool { return len(list) == 1 && list[0] == s }

func (s statement) has(key string) bool { return s.fields[key] != nil }

// text is a member that is a string, or "".
func (s statement) text(key string) string {
	var text string
	if json.Unmarshal(s.fields[key], &text) != nil {
		return ""
	}
	return text
}

// list is a member that is a string or a list of them.
func (s statement) list(key string) []string { return oneOrMore(s.fields[key]) }

// principals are the AWS principals of the statement; "*" stands for everybody.
func (s statement) principals() []string { return awsPrincipals(s.fields["Principal"]) }

// named is how a person finds the statement.
func (s statement) named() string {
	if sid := s.text("Sid"); sid != "" {
		return "statement " + strings.Map(func(r rune) rune {
			if unicode.IsPrint(r) {
				return r
			}
			return '?'
		}, sid)
	}
	return "a statement"
}

func awsPrincipals(raw json.RawMessage) []string {
	var byKind map[string]json.RawMessage
	if json.Unmarshal(raw, &byKind) != nil {
		return oneOrMore(raw)
	}
	return oneOrMore(byKind["AWS"])
}

func oneOrMore(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	var more []string
	if json.Unmarshal(raw, &more) != nil {
		return nil
	}
	return more
}
