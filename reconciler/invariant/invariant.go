package invariant

import (
	"slices"
	"strings"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// Breach is a line that was crossed, or would be.
type Breach struct {
	Name string `json:"name"` // of the invariant, one of Names
	Text string `json:"text"` // one sentence for a person
	// Objects are what it is about, sorted: services, pipelines, proxies, secrets, roles, silences.
	Objects []string `json:"objects,omitempty"`
}

// The names of the invariants.
const (
	Exclusive = "exclusive"
	Singleton = "singleton"
	Traffic   = "traffic"
	Parity    = "parity"
	Secrets   = "secrets"
	Trust     = "trust"
	Silence   = "silence"
	Frozen    = "frozen"
	Owned     = "owned"
	Empty     = "empty"
)

// Names are all invariants, in the order in which they are told.
var Names = []string{Exclusive, Singleton, Traffic, Parity, Secrets, Trust, Silence, Frozen, Owned, Empty}

// observation is all that an invariant may look at.
type observation struct {
	m   *estate.Migration
	at  estate.Marker
	e   *evidence.Evidence
	now time.Time
}

// checks are the invariants that one observation can show broken. Owned is about a change: see NotOurs.
var checks = []func(observation) []Breach{exclusive, singleton, traffic, parity, secrets, trust, silence, frozen, empty}

// Check lists what is broken while the marker at counts, in the order of Names; none if all is well.
func Check(m *estate.Migration, at estate.Marker, e *evidence.Evidence, now time.Time) []Breach {
	var out []Breach
	for _, check := range checks {
		out = append(out, check(observation{m, at, e, now})...)
	}
	return out
}

// Allows says whether an action may be done, given what is broken before it and what would be after it. It must break
// nothing that was whole. An action that risks something, because it raises the traffic of the new cluster or deletes
// something, must leave nothing broken at all; and from a desired state that is empty no such action follows.
func Allows(before, after []Breach, risks bool) bool {
	if slices.ContainsFunc(after, func(b Breach) bool { return adds(before, b) }) {
		return false
	}
	if !risks {
		return true
	}
	emptied := slices.ContainsFunc(before, func(b Breach) bool { return b.Name == Empty })
	return !emptied && len(after) == 0
}

// adds says that a breach is not among those before, or is about more.
func adds(before []Breach, b Breach) bool {
	known := false
	var objects []string
	for _, old := range before {
		if old.Name == b.Name {
			known = true
			objects = append(objects, old.Objects...)
		}
	}
	return !known || slices.ContainsFunc(b.Objects, func(o string) bool { return !slices.Contains(objects, o) })
}

// breach makes one of what is wrong; none of nothing.
func breach(name, text string, objects []string) []Breach {
	if len(objects) == 0 {
		return nil
	}
	slices.Sort(objects)
	objects = slices.Compact(objects)
	return []Breach{{Name: name, Text: text + ": " + some(objects), Objects: objects}}
}

// mostNamed is how many objects a sentence names before it only counts them.
const mostNamed = 5

func some(list []string) string {
	if len(list) <= mostNamed {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:mostNamed], ", ") + ", and others"
}

// weight is the most traffic that any proxy gives the new cluster, in percent.
func (o observation) weight() int {
	most := 0
	for _, p := range o.e.Edge.Proxies {
		if p.Unreachable == "" {
			most = max(most, p.To.Weight)
		}
	}
	return most
}

// anyOpened says that break-glass lets some service through the freeze.
func (o observation) anyOpened() bool {
	return slices.ContainsFunc(o.e.Freeze.Opened, func(b estate.BreakGlass) bool { return o.now.Before(b.Until) })
}

// opened says that break-glass lets a service through the freeze.
func (o observation) opened(name estate.ServiceName) bool {
	return slices.ContainsFunc(o.e.Freeze.Opened, func(b estate.BreakGlass) bool { return b.Service == name && o.now.Before(b.Until) })
}
