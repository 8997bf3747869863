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
		if kill != nil {
			t.Parallel()
		}
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
		p.checkPipelines(t)
		if diff := cmp.Diff(p.once(), p.executions(t)); diff != "" {
			t.Errorf("executions (-want +got):\n%s", diff)
		}
	})
	return took
}
