package drift

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cutover/reconciler/object"
)

// Report is what a look over many sets found. It encodes as JSON, and Text renders it for people.
type Report struct {
	Cluster string  `json:"cluster"`
	Sets    []Entry `json:"sets"`
}

// Entry is one set of a report.
type Entry struct {
	Set    object.Set `json:"set"`
	Plan   Plan       `json:"plan"`
	Health Status     `json:"health,omitempty"`
	Reason string     `json:"reason,omitempty"` // why the health is not Current
	// Unlisted are the kinds that could not be listed, and why; nothing of them was pruned.
	Unlisted []string `json:"unlisted,omitempty"`
	// Error is why the set could not be compared, or "".
	Error string `json:"error,omitempty"`
}

// Counts is a report in numbers of objects; Failed counts sets.
type Counts struct {
	Same, Missing, Changed, Unmarked, Extra, Withheld, Refused, Failed int
}

// Drifted tells whether anything is not as git has it, or could not be compared. What Spinnaker deployed and is not
// marked yet has not drifted.
func (c Counts) Drifted() bool { return c.Missing+c.Changed+c.Extra+c.Withheld+c.Refused+c.Failed > 0 }

func (c Counts) String() string {
	parts := []string{fmt.Sprintf("%d same", c.Same)}
	for _, p := range []struct {
		n    int
		what string
	}{{c.Missing, "missing"}, {c.Changed, "changed"}, {c.Unmarked, "unmarked"}, {c.Extra, "extra"}, {c.Withheld, "withheld"}, {c.Refused, "refused"}, {c.Failed, "failed"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ")
}

// Counts adds the sets up.
func (r Report) Counts() Counts {
	var total Counts
	for _, e := range r.Sets {
		c := e.Counts()
		total.Same += c.Same
		total.Missing += c.Missing
		total.Changed += c.Changed
		total.Unmarked += c.Unmarked
		total.Extra += c.Extra
		total.Withheld += c.Withheld
		total.Refused += c.Refused
		total.Failed += c.Failed
	}
	return total
}

// Counts is the set in numbers.
func (e Entry) Counts() Counts {
	if e.Error != "" {
		return Counts{Failed: 1}
	}
	c := Counts{Same: e.Plan.Same, Extra: len(e.Plan.Prune), Withheld: len(e.Plan.Withheld), Refused: len(e.Plan.Refused)}
	for _, d := range e.Plan.Apply {
		switch d.Kind {
		case Missing:
			c.Missing++
		case Unmarked:
			c.Unmarked++
		default:
			c.Changed++
		}
	}
	return c
}

// Sort puts the sets in the order of their names, so that equal reports are equal to the byte.
func (r Report) Sort() {
	slices.SortFunc(r.Sets, func(a, b Entry) int { return cmp.Compare(a.Set.String(), b.Set.String()) })
}

// Text renders the report: one line for each set that differs, its differences with their diffs, and the counts.
func (r Report) Text() string {
	var b strings.Builder
	for _, e := range r.Sets {
		e.text(&b)
	}
	fmt.Fprintf(&b, "%s: %d sets, %s\n", r.Cluster, len(r.Sets), r.Counts())
	return b.String()
}

func (e Entry) text(b *strings.Builder) {
	if e.Error != "" {
		fmt.Fprintf(b, "%s: not compared: %s\n", e.Set, e.Error)
		return
	}
	unhealthy := e.Health != "" && e.Health != Current
	if e.Plan.Empty() && len(e.Unlisted) == 0 && !unhealthy {
		return
	}
	fmt.Fprintf(b, "%s: %s\n", e.Set, e.Counts())
	if unhealthy {
		fmt.Fprintf(b, "  %s: %s\n", e.Health, e.Reason)
	}
	for _, u := range e.Unlisted {
		fmt.Fprintf(b, "  not listed, so nothing is deleted: %s\n", u)
	}
	for _, r := range e.Plan.Refused {
		fmt.Fprintf(b, "  refused %s: %s\n", r.Ref, r.Reason)
	}
	for _, r := range e.Plan.Withheld {
		fmt.Fprintf(b, "  withheld %s: %s\n", r.Ref, r.Reason)
	}
	for _, d := range slices.Concat(e.Plan.Apply, e.Plan.Prune) {
		fmt.Fprintf(b, "  %s %s: %s\n", d.Kind, d.Ref, d.Reason)
		for line := range strings.Lines(d.Diff) {
			b.WriteString("    " + line)
		}
	}
}
