package world

import (
	"fmt"
	"time"

	"cutover/reconciler/failure"
)

// Faults are what goes wrong between the program and the world, each as a probability for one call, 0 to 1.
type Faults struct {
	Before            float64 // the call fails and has no effect
	Lost              float64 // the call has its effect, and its answer is lost
	Slow              float64 // the call takes up to SlowBy
	Stale             float64 // the answer is that of some seconds ago, where the real system's may be
	Outage            float64 // the system answers nothing for up to OutageFor
	SlowBy, OutageFor time.Duration
}

// SetFaults says what goes wrong from now on.
func (w *World) SetFaults(f Faults) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = f
	clear(w.outages)
}

// staleFor is how old a stale answer can be: longer than Gate's and an informer's caches lag.
const staleFor = 10 * time.Second

// answer is what a question was answered with.
type answer struct {
	at   time.Time
	what any
}

func (w *World) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

func (f Faults) slow(w *World) time.Duration {
	if !w.chance(f.Slow) {
		return 0
	}
	w.counts.Faults++
	return time.Duration(w.rng.Int64N(int64(f.SlowBy) + 1))
}

func (f Faults) before(w *World, at port) error {
	if until, out := w.outages[string(at)]; out {
		if w.now.Before(until) {
			return fmt.Errorf("%w: %s is away", failure.ErrTransient, at)
		}
		delete(w.outages, string(at))
	}
	if w.chance(f.Outage) {
		w.counts.Faults++
		w.outages[string(at)] = w.now.Add(time.Duration(w.rng.Int64N(int64(f.OutageFor) + 1)))
		return fmt.Errorf("%w: %s went away", failure.ErrTransient, at)
	}
	if w.chance(f.Before) {
		w.counts.Faults++
		return fmt.Errorf("%w: the call did not get through", failure.ErrTransient)
	}
	return nil
}

func (f Faults) lost(w *World) bool {
	if !w.chance(f.Lost) {
		return false
	}
	w.counts.Faults++
	return true
}

// out tells whether a system is away.
func (w *World) out(at port) bool { return w.now.Before(w.outages[string(at)]) }

// old is the answer that a question had a moment ago.
func (p *Process) old(what string) (any, bool) {
	w := p.w
	a, ok := w.answers[what]
	if !ok || w.now.Sub(a.at) > staleFor || !w.chance(w.faults.Stale) {
		return nil, false
	}
	w.counts.Faults++
	w.trace("%s: an answer of %s ago", what, w.now.Sub(a.at))
	return a.what, true
}

// crashPoint is the effect at which the process dies.
type crashPoint struct {
	at    int // number of the effect, counted from 1; 0 for none
	after bool
}

// CrashAt lets the process die at its n-th effect from now, before it has happened or after. 0 lets it live.
func (w *World) CrashAt(n int, after bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.crash = crashPoint{}
	if n > 0 {
		w.crash = crashPoint{w.counts.Effects + n, after}
	}
}

// Effects counts the effects of all processes so far.
func (w *World) Effects() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts.Effects
}

// crashPoint counts an effect before it happens, and kills the process if this is where it is to die.
func (p *Process) crashPoint(what string, after bool) error {
	w := p.w
	if !after {
		w.counts.Effects++
	}
	if w.crash.at == 0 || w.counts.Effects != w.crash.at || w.crash.after != after {
		return nil
	}
	w.crash = crashPoint{}
	w.counts.Crashes++
	p.dead = true
	w.judge.excuses.failed = w.now
	when := "before"
	if after {
		when = "after"
	}
	w.trace("CRASH %s %s", when, what)
	return ErrCrashed
}
