package world_test

import (
	"testing"
	"time"

	"cutover/reconciler/world"
)

func TestBeginsWithTheOldClusterServing(t *testing.T) {
	w, err := world.New(world.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.Advance(w.Now().Add(time.Hour))
	for _, b := range w.Breaches() {
		t.Error(b)
	}
	c := w.Counts()
	if c.Failed > 0 || c.Requests < 359_000 {
		t.Errorf("%.0f requests in an hour, %.0f failed", c.Requests, c.Failed)
	}
	t.Log(w.Describe())
}

func BenchmarkNew(b *testing.B) {
	for i := range b.N {
		w, err := world.New(world.Options{Seed: uint64(i)})
		if err != nil {
			b.Fatal(err)
		}
		w.Advance(w.Now().Add(2 * time.Hour))
	}
}
