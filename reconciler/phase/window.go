package phase

import (
	"fmt"
	"slices"
	"time"

	"cutover/reconciler/evidence"
)

const (
	// windowFor is how long the proxies are counted at least before an older count is given up.
	windowFor = time.Minute
	// settleFor is how long it is waited for all proxies to have a weight before what they count is taken for its own: a
	// moment after it was noted they have the one before.
	settleFor = 10 * time.Second
)

// Window remembers what the proxies had counted since a weight began to stand. The zero Window remembers nothing.
type Window struct {
	of     string // the weight that stands, and whose it is
	stands int
	begun  time.Time
	lately counted // since it stands
	steady counted // since all proxies have it
}

// Over is the window after another look at the edge.
func (w Window) Over(e evidence.Edge, now time.Time) Window {
	b := e.Bake
	pending := b.Failed == "" && !b.Begun() && w.stands == b.Stands() // the next weight is noted, and this one stands on
	if of := fmt.Sprint(b.Commit, " ", b.Weight, " ", b.Since.UnixNano(), " ", b.Stands()); w.of != of && !pending {
		w = Window{of: of, stands: b.Stands(), begun: now}
	}
	settled := allAt(e, b.Stands())
	if !settled && now.Sub(w.begun) < settleFor {
		w.lately = counted{}
	}
	if !settled {
		w.steady = counted{}
	}
	w.lately = w.lately.over(e, now, func(c counts) bool { return c.to.requests >= leastRequests })
	if settled {
		w.steady = w.steady.over(e, now, func(c counts) bool { return c.from.sessions+c.to.sessions >= evidence.ShareSessions })
	}
	return w
}

// Lately and Steady are what evidence.Edge has by these names.
func (w Window) Lately() []evidence.Proxy { return w.lately.older }

// Steady is told at Lately.
func (w Window) Steady() []evidence.Proxy { return w.steady.older }

// SteadySince is told at Steady.
func (w Window) SteadySince() time.Time { return w.steady.first }

// counted is what the proxies had counted at two moments.
type counted struct {
	first, since time.Time // when older and newer were read
	older, newer []evidence.Proxy
}

// over is what is remembered after another look: the older moment is a minute or two ago, or as long as it takes for
// enough to be counted.
func (c counted) over(e evidence.Edge, now time.Time, enough func(counts) bool) counted {
	if c.newer == nil {
		return counted{now, now, e.Proxies, e.Proxies}
	}
	c.older, c.newer = filled(c.older, e.Proxies), filled(c.newer, e.Proxies)
	if now.Sub(c.since) >= windowFor && enough(countedSince(e, c.newer)) {
		return counted{c.since, now, c.newer, filled(e.Proxies, c.newer)}
	}
	return c
}

// allAt says that every proxy that answers has a weight.
func allAt(e evidence.Edge, weight int) bool { return highest(e) == weight && lowest(e) == weight }

// filled is a list of proxies in which those that did not answer are as in another list.
func filled(list, other []evidence.Proxy) []evidence.Proxy {
	out := slices.Clone(list)
	for i, p := range out {
		j := slices.IndexFunc(other, func(o evidence.Proxy) bool { return o.Name == p.Name && o.Unreachable == "" })
		if p.Unreachable != "" && j >= 0 {
			out[i] = other[j]
		}
	}
	return out
}
