package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/estate"
)

const crashes = 20

// TestCrash kills the daemon at random moments of its first pass, in which it generates, saves every pipeline and
// deploys every service, and looks at what the next start makes of it.
func TestCrash(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var whole time.Duration
	t.Run("uninterrupted", func(t *testing.T) { whole = firstPass(t, 0) })
	t.Logf("a first pass takes %s", whole)
	for range crashes {
		at := time.Duration(random.Int64N(int64(whole))) + 1
		t.Run("killed after "+at.Round(time.Millisecond).String(), func(t *testing.T) {
			t.Parallel()
			firstPass(t, at)
		})
	}
}

// firstPass lets the daemon do its first pass on a new product, kills it after a while unless kill is 0, starts it again,
// and checks that everything was done exactly once. It returns how long it took.
func firstPass(t *testing.T, kill time.Duration) time.Duration {
	t.Helper()
	p := newPlace(t, nil)
	p.mark(t, estate.Prepare, estate.Deploy)
	begun := time.Now()
	d := p.start(t)
	if kill > 0 {
		time.Sleep(kill - time.Since(begun)) // the moment is the test's input, nothing is waited for
		if err := d.Kill(); err != nil {
			t.Fatal(err)
		}
		d = p.start(t)
	}
	r := p.await(t, d, "phase deploy is complete", complete(estate.Deploy))
	took := time.Since(begun)
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	if len(r.Services) != len(smallServices) {
		t.Errorf("%d services reported, want %d", len(r.Services), len(smallServices))
	}
	p.checkPipelines(t)
	if diff := cmp.Diff(p.once(), p.executions(t)); diff != "" {
		t.Errorf("executions (-want +got):\n%s", diff)
	}
	return took
}
