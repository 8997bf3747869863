package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cutover/reconciler"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/world"
)

// often lets so much break that two troubles meet, and nothing else happen.
func often(p *Plan) {
	p.Trouble, p.Stormy, p.Pace = 15, 3*time.Hour, 5*time.Second
	p.Busy, p.Crash, p.Failures, p.Faults = 0, 0, 0, world.Faults{}
}

// TestMistakesAtTheEdgeAreCaught plants mistakes that only a rare trouble shows: that of a proxy, or of what nobody
// answers, while the new cluster has traffic.
func TestMistakesAtTheEdgeAreCaught(t *testing.T) {
	for name, edge := range map[string]func(reconciler.Edge) reconciler.Edge{
		"a server that is down is not seen":                func(e reconciler.Edge) reconciler.Edge { return seeing{e, hopeful} },
		"one strange proxy hides the others":               func(e reconciler.Edge) reconciler.Edge { return strict{e} },
		"what is lowered is put back if one proxy refuses": func(e reconciler.Edge) reconciler.Edge { return undoing{e} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mistake{name, "retreat", func(c *reconciler.Config) { c.Edge = edge(c.Edge) }}
			if !m.found(t, often) {
				t.Errorf("no breach in %d runs", mostRuns)
			}
		})
	}
}

// strict knows nothing of any proxy if one has another configuration.
type strict struct{ reconciler.Edge }

func (s strict) Proxies(ctx context.Context, names []string, backend, from, to string) ([]evidence.Proxy, error) {
	out, err := s.Edge.Proxies(ctx, names, backend, from, to)
	for _, p := range out {
		if strings.Contains(p.Unreachable, failure.ErrNotFound.Error()) {
			return nil, fmt.Errorf("%w: %s", failure.ErrNotFound, p.Name)
		}
	}
	return out, err
}

// undoing puts every proxy back to what it had if one refuses.
type undoing struct{ reconciler.Edge }

func (u undoing) SetWeight(ctx context.Context, names []string, backend, from, to string, weight int) error {
	before, err := u.Proxies(ctx, names, backend, from, to)
	if err != nil {
		return err
	}
	err = u.Edge.SetWeight(ctx, names, backend, from, to, weight)
	if errors.Is(err, failure.ErrRefused) {
		for _, p := range before {
			if p.Unreachable == "" {
				_ = u.Edge.SetWeight(ctx, []string{p.Name}, backend, from, to, p.To.Weight)
			}
		}
	}
	return err
}
