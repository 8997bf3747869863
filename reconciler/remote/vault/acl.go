package vault

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/hashicorp/hcl"
	"github.com/hashicorp/hcl/hcl/ast"
)

// acl is what some policies allow together, as Vault puts them together (its vault/policy.go and vault/acl.go):
// capabilities by the pattern of a path. Vault tells only of a token what it may do, and a role has none before somebody
// logs in by it.
type acl struct {
	rules map[string][]string
	// templated are the patterns that depend on who logs in, with a star for all that follows.
	templated []pattern
}

const deny = "deny"

// shorthands are the capabilities that the older key policy stands for.
var shorthands = map[string][]string{
	deny: {deny}, "read": {"read", "list"}, "write": {"create", "read", "update", "delete", "list"},
	"sudo": {"create", "read", "update", "delete", "list", "sudo"},
}

// add adds the text of a policy.
func (a *acl) add(text string) error {
	root, err := hcl.Parse(text)
	if err != nil {
		return err
	}
	list, ok := root.Node.(*ast.ObjectList)
	if !ok {
		return errors.New("it is no list of paths")
	}
	for _, item := range list.Filter("path").Items {
		var rule struct {
			Capabilities []string
			Policy       string
		}
		if err := hcl.DecodeObject(&rule, item.Val); err != nil {
			return err
		}
		if len(item.Keys) == 0 {
			return errors.New("a path has no name")
		}
		path, _ := item.Keys[0].Token.Value().(string)
		path = strings.TrimPrefix(path, "/")
		if begin, _, templated := strings.Cut(path, "{{"); templated {
			a.templated = append(a.templated, patternOf(begin+"*"))
			continue
		}
		if a.rules == nil {
			a.rules = map[string][]string{}
		}
		a.rules[path] = slices.Concat(a.rules[path], rule.Capabilities, shorthands[rule.Policy])
	}
	return nil
}

// allows tells whether a capability is given at a path; that of a folder, to be listed, ends in a slash.
func (a *acl) allows(path, capability string) bool {
	held, exact := a.rules[path]
	if !exact && capability == "list" {
		held, exact = a.rules[strings.TrimSuffix(path, "/")]
	}
	if !exact {
		var best pattern
		for text, capabilities := range a.rules {
			if p := patternOf(text); p.matches(path) && (best.text == "" || p.compare(best) > 0) {
				best, held = p, capabilities
			}
		}
	}
	return slices.Contains(held, capability) && !slices.Contains(held, deny)
}

// mayDepend tells whether who logs in may decide what is allowed at a path.
func (a *acl) mayDepend(path string) bool {
	return slices.ContainsFunc(a.templated, func(p pattern) bool { return p.matches(path) })
}

// pattern is a path with a star at its end, which stands for any rest, or with a plus for one part, or with both.
type pattern struct {
	text   string // without the star
	prefix bool   // it had one
	first  int    // where the first plus or the star stands
	pluses int
}

func patternOf(text string) pattern {
	p := pattern{}
	p.text, p.prefix = strings.CutSuffix(text, "*")
	p.first = len(p.text)
	if strings.HasPrefix(text, "+/") || strings.Contains(text, "/+") {
		p.first = strings.Index(text, "+")
		for _, part := range strings.Split(p.text, "/") {
			if part == "+" {
				p.pluses++
			}
		}
	}
	return p
}

// matches tells whether the pattern, which is not the path itself, stands for it.
func (p pattern) matches(path string) bool {
	want, have := strings.Split(p.text, "/"), strings.Split(path, "/")
	switch {
	case p.first == len(p.text):
		return p.prefix && strings.HasPrefix(path, p.text)
	case len(have) < len(want), !p.prefix && len(have) != len(want):
		return false
	}
	for i, part := range want {
		last := p.prefix && i == len(want)-1
		if part != "+" && part != have[i] && (!last || !strings.HasPrefix(have[i], part)) {
			return false
		}
	}
	return true
}

// compare tells which of two patterns that stand for one path counts: the greater one.
func (p pattern) compare(other pattern) int {
	whole := func(p pattern) int {
		if p.prefix {
			return 0
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(p.first, other.first), cmp.Compare(whole(p), whole(other)), cmp.Compare(other.pluses, p.pluses),
		cmp.Compare(len(p.text), len(other.text)), cmp.Compare(p.text, other.text),
	)
}
