package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"cutover/generator"
	"cutover/gitops/estate"
)

const crashes = 20

// TestCrash kills the daemon at random moments of its first pass, in which it generates, saves every pipeline and
// deploys every service, and looks at what the next start makes of it.
func TestCrash(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	whole := firstPass(t, nil)
	t.Logf("a first pass takes %s", whole)
	for range crashes {
		at := time.Duration(random.Int64N(int64(whole)))
		firstPass(t, &at)
	}
}

// firstPass lets the daemon do its first pass on a new product, kills it after a while if kill is given, starts it again,
// and checks that everything was done exactly once. It returns how long it took.
func firstPass(t *testing.T, kill *time.Duration) (took time.Duration) {
	t.Helper()
	name := "uninterrupted"
	if kill != nil {
		name = "killed after " + kill.Round(time.Millisecond).String()
	}
	t.Run(name, func(t *testing.T) {
		p := newPlace(t, nil)
		p.mark(t, estate.Prepare, estate.Deploy)
		begun := time.Now()
		d := p.start(t)
		if kill != nil {
			time.Sleep(*kill - time.Since(begun)) // the moment is the test's input, nothing is waited for
			if err := d.Kill(); err != nil {
				t.Fatal(err)
			}
			d = p.start(t)
		}
		r := p.await(t, d, "phase deploy is complete", complete(estate.Deploy))
		took = time.Since(begun)
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
		if len(r.Services) != len(smallServices) {
			t.Errorf("%d services reported, want %d", len(r.Services), len(smallServices))
		}
		p.checkOnce(t)
	})
	return took
}

// checkOnce checks in Gate that every pipeline of the new stack is there once, and ran as often as its service is
// deployed in phase deploy: once, and never for an exclusive service.
func (p *place) checkOnce(t *testing.T) {
	t.Helper()
	expanded, _, err := generator.Expand(p.estate, p.migration)
	if err != nil {
		t.Fatal(err)
	}
	want, err := generator.Pipelines(expanded, p.migration.Product, p.migration.To.Stack, generator.Options{Estate: p.URL, Repository: p.URL, Base: "main"})
	if err != nil {
		t.Fatal(err)
	}
	have := p.pipelines(t)
	stats := p.gate.Stats()
	for _, w := range want {
		id := w.Document.ID()
		if n := have[id]; n != 1 {
			t.Errorf("pipeline %s/%s is there %d times, want once", w.Document.Application(), w.Document.Name(), n)
		}
		delete(have, id)
		s, _ := p.estate.Service(w.Service.Product, w.Service.Name)
		runs := 1
		if s.Class == estate.Exclusive {
			runs = 0
		}
		if n := stats.Executions[id]; n != runs {
			t.Errorf("pipeline %s/%s ran %d times, want %d", w.Document.Application(), w.Document.Name(), n, runs)
		}
	}
	for id, n := range have {
		t.Errorf("Gate has %d pipelines %s that git does not name", n, id)
	}
}
