// Command sim runs migrations that never happened: each in a world of its own, made from a seed, with the real reconciler.
// Developers push and deploy, reviewers merge, roll back and make mistakes, systems fail, and the process dies at its
// effects and starts again. After every change the world itself judges what must never happen (package world), and in
// the end each migration has to have all the traffic in the new cluster, or to stand still for a reason that a person
// has to see to.
//
//	go run ./cmd/internal/sim -n 10000 -seed 1
//
// A run that failed is named by its seed, and replayed alone with its transcript by
//
//	go run ./cmd/internal/sim -n 1 -seed 4711 -v
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"cutover/cmd/internal/term"
	"cutover/reconciler/world"
)

func main() { os.Exit(simulate()) }

// simulate returns the exit code.
func simulate() int {
	n := flag.Int("n", 1000, "how many migrations")
	seed := flag.Uint64("seed", 1, "seed of the first; the others follow it")
	verbose := flag.Bool("v", false, "print what happens in each")
	width := flag.Int("p", runtime.GOMAXPROCS(0), "how many at once")
	flag.Parse()
	debug.SetGCPercent(400) // runs make much garbage and keep little
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var trace io.Writer
	progress := io.Writer(os.Stderr)
	if *verbose {
		trace, progress, *width = os.Stdout, io.Discard, 1
	}
	bar := term.NewBar(progress, "simulate", *n)
	runs, failed := 0, []string{}
	total := Simulate(ctx, *seed, *n, *width, trace, func(r Result) {
		for _, line := range r.Failures {
			failed = append(failed, fmt.Sprintf("seed %d: %s\n", r.Seed, line))
			if !term.IsTerminal(progress) { // the bar would write over it
				fmt.Fprint(os.Stderr, failed[len(failed)-1])
			}
		}
		runs++
		bar.Set(runs, *n, fmt.Sprintf("%d failures", len(failed)))
	})
	took := bar.Done()
	if term.IsTerminal(progress) {
		fmt.Fprint(os.Stderr, strings.Join(failed, ""))
	}
	total.Print(os.Stdout, took)
	if total.Failed > 0 {
		return 1
	}
	return 0
}

// Total sums up many runs.
type Total struct {
	Runs, Failed, Breaches int
	Counts                 world.Counts
	Passes                 int
	Ends                   map[string]int // how many runs ended so
}

// Simulate runs the migrations of n seeds, and tells each result as it comes.
func Simulate(ctx context.Context, seed uint64, n, width int, trace io.Writer, tell func(Result)) Total {
	total := Total{Ends: map[string]int{}}
	var (
		mu    sync.Mutex
		wait  sync.WaitGroup
		seeds = make(chan uint64)
	)
	for range width {
		wait.Go(func() {
			for s := range seeds {
				r := survive(ctx, ByChance(s), trace)
				mu.Lock()
				total.add(r)
				tell(r)
				mu.Unlock()
			}
		})
	}
	for i := range n {
		select {
		case seeds <- seed + uint64(i):
			continue
		case <-ctx.Done():
		}
		break
	}
	close(seeds)
	wait.Wait()
	return total
}

func (t *Total) add(r Result) {
	t.Runs++
	t.Passes += r.Passes
	t.Ends[r.End]++
	t.Breaches += len(r.Breaches)
	if len(r.Failures) > 0 {
		t.Failed++
	}
	c, d := &t.Counts, r.Counts
	c.Calls += d.Calls
	c.Effects += d.Effects
	c.Faults += d.Faults
	c.Crashes += d.Crashes
	c.Processes += d.Processes
	c.Events += d.Events
	c.Requests += d.Requests
	c.Failed += d.Failed
}

// Print writes the sum.
func (t *Total) Print(out io.Writer, took time.Duration) {
	c := t.Counts
	fmt.Fprintf(out, "%d runs, %d failed, %d breaches; %.1f runs/s\n", t.Runs, t.Failed, t.Breaches, float64(t.Runs)/took.Seconds())
	fmt.Fprintf(out, "%d crashes, %d faults, %d effects, %d calls, %d passes, %d events of the world\n", c.Crashes, c.Faults, c.Effects, c.Calls, t.Passes, c.Events)
	fmt.Fprintf(out, "%.0f requests, %.0f failed\n", c.Requests, c.Failed)
	for _, end := range slices.Sorted(maps.Keys(t.Ends)) {
		fmt.Fprintf(out, "%7d %s\n", t.Ends[end], end)
	}
}
