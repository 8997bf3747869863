package main

import (
	"testing"
)

func BenchmarkRun(b *testing.B) {
	for i := range b.N {
		r := Run(b.Context(), ByChance(uint64(i+1)), nil)
		b.Logf("seed %d: %s, %d passes, %d calls, %d effects", r.Seed, r.End, r.Passes, r.Counts.Calls, r.Counts.Effects)
	}
}
