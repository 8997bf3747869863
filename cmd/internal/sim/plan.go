package main

import (
	"math"
	"math/rand/v2"
	"time"

	"cutover/reconciler"
	"cutover/reconciler/world"
)

// Plan says what one run is to be like.
type Plan struct {
	Seed   uint64
	Faults world.Faults
	// Crash is how likely the process dies at an effect, 0 to 1.
	Crash float64
	// Failures is how likely an execution fails, and a test's Job.
	Failures float64
	// Busy is how often people do something on their own: times in an hour.
	Busy float64
	// Trouble is how often something breaks: times in an hour.
	Trouble float64
	// Pace is how long the process takes at least from one pass to the next: a busy machine is slow.
	Pace time.Duration
	// Stormy is how long all this goes on. Afterwards nothing breaks any more, and people do what they are asked for.
	Stormy time.Duration
	// Requests is how many requests users send in a second while it is stormy; afterwards there are many.
	Requests float64
	// Back lets the migration go back in the end, once all of the traffic is moved.
	Back bool
	// Seek ends the run at the first breach that it is true of; nil lets it go on.
	Seek func(world.Breach) bool
	// Plant changes the reconciler of each process, to see that a mistake in it is caught; nil leaves it as it is.
	Plant func(*reconciler.Config)
}

// ByChance makes the plan of a seed: some runs are calm, others are not.
func ByChance(seed uint64) Plan {
	rng := rand.New(rand.NewPCG(seed, 0x706c616e)) //nolint:gosec // it has to repeat
	p := Plan{
		Seed: seed, Stormy: time.Duration(20+rng.IntN(100)) * time.Minute,
		Pace: time.Duration(float64(2*time.Second) * math.Pow(15, rng.Float64())), // 2s to 30s, mostly short
	}
	if rng.IntN(4) > 0 {
		f := 0.03 * rng.Float64()
		p.Faults = world.Faults{
			Before: f, Lost: f, Slow: f, Stale: f, Outage: f / 20,
			SlowBy: 20 * time.Second, OutageFor: 5 * time.Minute,
		}
	}
	if rng.IntN(4) > 0 {
		p.Crash = 0.05 * rng.Float64()
	}
	if rng.IntN(3) == 0 {
		p.Failures = 0.2 * rng.Float64()
	}
	if rng.IntN(4) > 0 {
		p.Busy = 12 * rng.Float64()
	}
	if rng.IntN(2) > 0 {
		p.Trouble = 6 * rng.Float64()
	}
	p.Back = rng.IntN(3) == 0
	if p.Requests = 100; rng.IntN(4) == 0 {
		p.Requests = 5
	}
	return p
}
