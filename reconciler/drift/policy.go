package drift

import (
	"path"

	"cutover/reconciler/object"
)

// Policy says what counts as drift, and how much may be deleted.
type Policy struct {
	// Manager is the field manager that our server-side apply uses.
	Manager string
	// Ignore names fields, or whole objects, that are never compared and never written.
	Ignore []Rule
	// Held names fields that a running step holds, such as a Service's selector during red-black. They are
	// compared and written again once the step lets go.
	Held []Rule
	// MaxPrune is the largest share of the set's live objects that may be deleted at once: percent, 0 to 100. A
	// set of less than four may lose one, unless it is 0.
	MaxPrune int
}

// Rule selects fields of objects. Group, Kind, Namespace and Name are shell patterns as path.Match has them; an
// empty one matches everything.
type Rule struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// Paths are JSON pointers (RFC 6901); each covers everything below it. Besides a number, an element of a
	// list may be named by its key, as in /spec/template/spec/containers/app/image. A "*" stands for any field
	// or element. Without paths the rule covers the whole object.
	Paths []string `json:"paths,omitempty"`
}

// Validate returns an error if a pattern or a path cannot be understood. Decide takes such a rule to match
// nothing.
func (r Rule) Validate() error {
	for _, pattern := range []string{r.Group, r.Kind, r.Namespace, r.Name} {
		if _, err := path.Match(pattern, ""); err != nil {
			return &RuleError{r, pattern}
		}
	}
	for _, p := range r.Paths {
		if _, ok := parsePointer(p); !ok {
			return &RuleError{r, p}
		}
	}
	return nil
}

// RuleError says which part of a rule cannot be understood.
type RuleError struct {
	Rule Rule
	Part string
}

func (e *RuleError) Error() string {
	return "rule for " + e.Rule.Kind + "/" + e.Rule.Name + ": cannot understand " + e.Part +
		": use a shell pattern, or a path such as /spec/replicas"
}

func (r Rule) matches(ref object.Ref) bool {
	return glob(r.Group, ref.Group) && glob(r.Kind, ref.Kind) && glob(r.Namespace, ref.Namespace) && glob(r.Name, ref.Name)
}

func glob(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return pattern == "" || err == nil && ok
}

// ignores tells whether the object is to be left alone altogether.
func (p Policy) ignores(ref object.Ref) bool {
	for _, r := range p.Ignore {
		if len(r.Paths) == 0 && r.matches(ref) {
			return true
		}
	}
	return false
}

// exempt lists the fields of an object that are not compared.
func (p Policy) exempt(ref object.Ref) []pointer {
	var out []pointer
	for _, rules := range [][]Rule{p.Ignore, p.Held} {
		for _, r := range rules {
			if !r.matches(ref) {
				continue
			}
			for _, s := range r.Paths {
				if ptr, ok := parsePointer(s); ok {
					out = append(out, ptr)
				}
			}
		}
	}
	return out
}
