package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler"
	"cutover/reconciler/evidence"
	"cutover/reconciler/invariant"
	"cutover/reconciler/phase"
	"cutover/reconciler/world"
)

func TestMigrationsConverge(t *testing.T) {
	total := Simulate(t.Context(), 1, 30, 2, nil, func(r Result) {
		for _, failure := range r.Failures {
			t.Errorf("seed %d: %s", r.Seed, failure)
		}
	})
	if total.Counts.Crashes == 0 || total.Counts.Faults == 0 {
		t.Errorf("%d crashes and %d faults: nothing was tried", total.Counts.Crashes, total.Counts.Faults)
	}
}

// TestASeedReplays runs one seed twice: a failure that cannot be replayed cannot be understood.
func TestASeedReplays(t *testing.T) {
	var first, second bytes.Buffer
	Run(t.Context(), ByChance(7), &first)
	Run(t.Context(), ByChance(7), &second)
	a, b := bytes.Split(first.Bytes(), []byte("\n")), bytes.Split(second.Bytes(), []byte("\n"))
	for i := range min(len(a), len(b)) {
		if !bytes.Equal(a[i], b[i]) {
			t.Fatalf("line %d is\n%s\nand then\n%s", i+1, a[i], b[i])
		}
	}
	if len(a) != len(b) {
		t.Errorf("%d lines, and then %d", len(a), len(b))
	}
}

// mostRuns is in how many runs a mistake has to be found.
const mostRuns = 2000

// mistake is a safety rule that is turned off.
type mistake struct {
	name, breaks string
	plant        func(*reconciler.Config)
}

// is tells whether a breach is what the mistake has to lead to.
func (m mistake) is(b world.Breach) bool { return b.Invariant == m.breaks }

// found looks for a run in which the mistake breaks what it should. What is rare has to happen often, to which tune changes
// the plans.
func (m mistake) found(t *testing.T, tune func(*Plan)) bool {
	t.Helper()
	first := known[m.name]
	for i := range uint64(mostRuns) {
		seed := (first+i)%mostRuns + 1
		plan := ByChance(seed)
		plan.Plant, plan.Seek = m.plant, m.is
		tune(&plan)
		for _, b := range Run(t.Context(), plan, nil).Breaches {
			if m.is(b) {
				t.Logf("seed %d, after %d runs: %s", seed, i+1, b)
				return true
			}
		}
	}
	return false
}

// busy lets much happen.
func busy(p *Plan) { p.Busy, p.Trouble = 12, 6 }

// TestMistakesAreCaught plants one mistake at a time into the reconciler: the world has to see what comes of it.
func TestMistakesAreCaught(t *testing.T) {
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			if !m.found(t, busy) {
				t.Errorf("no breach in %d runs", mostRuns)
			}
		})
	}
}

// mistakes are found where people are busy and something breaks now and then.
var mistakes = []mistake{
	{"an exclusive service is deployed like any other", "exclusive", blind(func(e *evidence.Evidence) {
		for i := range e.Services {
			e.Services[i].Class = estate.Stateless
			e.Services[i].Present = ""
		}
	})},
	{"the new B is not pointed at the old C", "singleton", blind(func(e *evidence.Evidence) {
		for i := range e.Links {
			e.Links[i].New, e.Links[i].Stale = evidence.TargetOld, 0
		}
		e.Secrets.Different = slices.DeleteFunc(slices.Clone(e.Secrets.Different), func(d evidence.SecretDifference) bool {
			return d.Kind == evidence.SecretStale
		})
	})},
	{"sessions are not waited for", "singleton", func(c *reconciler.Config) { c.Edge = seeing{c.Edge, quiet} }},
	{"a weight is set that nobody decided on", "traffic", func(c *reconciler.Config) { c.Edge = hasty{c.Edge} }},
	{"the freeze is not waited for", "frozen", blind(func(e *evidence.Evidence) {
		for i := range e.Freeze.Pipelines {
			e.Freeze.Pipelines[i].Frozen, e.Freeze.Pipelines[i].Tampered = true, false
		}
		e.Freeze.Running = nil
	})},
	{"secrets are not compared", "secrets", blind(func(e *evidence.Evidence) { e.Secrets.Different = nil })},
	{"versions are not looked at again in the freeze", "parity", blind(func(e *evidence.Evidence) {
		for i := range e.Services {
			if !e.Services[i].Pinned.IsZero() {
				e.Services[i].Running = e.Services[i].Pinned
			}
		}
	})},
	{"nobody looks whether a deployment was started before", "once", func(c *reconciler.Config) { c.Executions = forgetful{c.Executions} }},
	{"an effect is not written down first", "journal", func(c *reconciler.Config) { c.Journal = &careless{Journal: c.Journal} }},
	{"services need not be ready before a weight rises", "traffic", blind(func(e *evidence.Evidence) {
		for i := range e.Services {
			e.Services[i].Ready, e.Services[i].Status, e.Services[i].Blocked = true, "", ""
		}
	})},
	{"what changed on the base branch is not brought over", "parity", blind(func(e *evidence.Evidence) {
		e.Main.Behind, e.Main.Take, e.Main.Conflicts = 0, nil, nil
	})},
	{"a test has passed once it has begun", "tested", blind(func(e *evidence.Evidence) {
		for i := range e.Smoke {
			if e.Smoke[i].State == evidence.SmokeRunning || e.Smoke[i].State == evidence.SmokeFailed {
				e.Smoke[i].State = evidence.SmokePassed
			}
		}
	})},
	{"errors of the new cluster are not seen", "retreat", func(c *reconciler.Config) {
		c.Edge, c.Measurements = seeing{c.Edge, rosy}, content{}
	}},
	{"another principal goes when ours comes", "trust", func(c *reconciler.Config) { c.Roles = taking{c.Roles} }},
	{"nobody looks whom roles no longer let in", "trust", blind(func(e *evidence.Evidence) {
		for i := range e.Roles {
			e.Roles[i].Lost = nil
		}
	})},
	{"what people changed in the copy is overwritten before the freeze", "secrets", func(c *reconciler.Config) { c.Secrets = eager{c.Secrets} }},
	{"silences mute more than git names", "silence", func(c *reconciler.Config) { c.Alarms = muting{c.Alarms} }},
	{"silences are longer than allowed", "silence", func(c *reconciler.Config) { c.Alarms = lasting{c.Alarms} }},
	{"a marker that was pushed counts", "traffic", func(c *reconciler.Config) { c.Pushed = true }},
	{"weights do not bake", "traffic", runbook(func(m *estate.Migration, _ *estate.Marker, _ *evidence.Evidence) {
		m.Edge.Steps = slices.Clone(m.Edge.Steps)
		for i := range m.Edge.Steps {
			m.Edge.Steps[i].Bake = 0
		}
	})},
	{"a pause is not seen", "traffic", runbook(func(_ *estate.Migration, at *estate.Marker, _ *evidence.Evidence) { at.Paused = "" })},
	{"nobody has to approve", "traffic", mistaken(func(e *evidence.Evidence) {
		e.Smoke = slices.Clone(e.Smoke)
		for i := range e.Smoke {
			e.Smoke[i].State = evidence.SmokePassed
		}
	})},
	{"a weight is left out", "traffic", runbook(leaveOut)},
	{"a weight is noted after it is set", "journal", func(c *reconciler.Config) { c.Journal = &late{Journal: c.Journal} }},
	{"an effect is written down as another", "journal", func(c *reconciler.Config) { c.Journal = vague{c.Journal} }},
	{"break-glass counts without a review", "frozen", func(c *reconciler.Config) { c.Reviews = gullible{c.Reviews, c.History} }},
	{"a thawed pipeline is not as it was", "owned", func(c *reconciler.Config) { c.Pipelines = sloppy{c.Pipelines} }},
	{"all classes are deployed at once", "order", mistaken(func(e *evidence.Evidence) {
		for i := range e.Services {
			if e.Services[i].Class != estate.Exclusive {
				e.Services[i].Class = estate.Stateless
			}
		}
	})},
	{"everything may be deleted at once", "empty", func(c *reconciler.Config) { c.Drift.MaxPrune = 100 }},
}

// TestTheGuardHolds lets the runbook be careless about one thing that the invariants look at, too: while they are checked
// no traffic comes of it.
func TestTheGuardHolds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*evidence.Evidence)
	}{
		{"services need not be ready", func(e *evidence.Evidence) {
			for i := range e.Services {
				e.Services[i].Ready, e.Services[i].Status, e.Services[i].Blocked = true, "", ""
			}
		}},
		{"the freeze is not waited for", func(e *evidence.Evidence) {
			for i := range e.Freeze.Pipelines {
				e.Freeze.Pipelines[i].Frozen, e.Freeze.Pipelines[i].Tampered = true, false
			}
			e.Freeze.Running = nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			raises := func(b world.Breach) bool {
				return (b.Invariant == "traffic" || b.Invariant == "frozen") && strings.HasPrefix(b.Cause, "weight ")
			}
			run := func(seed uint64, plant func(*reconciler.Config)) (world.Breach, bool) {
				plan := ByChance(seed)
				plan.Plant, plan.Seek = plant, raises
				busy(&plan)
				breaches := Run(t.Context(), plan, nil).Breaches
				if i := slices.IndexFunc(breaches, raises); i >= 0 {
					return breaches[i], true
				}
				return world.Breach{}, false
			}
			held := 0
			for seed := uint64(1); held < 3 && seed <= mostRuns; seed++ {
				if _, ok := run(seed, blind(tt.change)); !ok {
					continue
				}
				if b, ok := run(seed, mistaken(tt.change)); ok {
					t.Errorf("seed %d: the guard did not hold it: %s", seed, b)
				}
				held++
			}
			if held == 0 {
				t.Error("no breach without the guard")
			}
		})
	}
}

// blind lets the runbook see other evidence than there is, and turns the guard off.
func blind(change func(*evidence.Evidence)) func(*reconciler.Config) {
	return func(c *reconciler.Config) {
		mistaken(change)(c)
		c.Check = func(*estate.Migration, estate.Marker, *evidence.Evidence, time.Time) []invariant.Breach { return nil }
	}
}

// mistaken lets the runbook see other evidence than there is. The invariants see what there is.
func mistaken(change func(*evidence.Evidence)) func(*reconciler.Config) {
	return runbook(func(_ *estate.Migration, _ *estate.Marker, e *evidence.Evidence) { change(e) })
}

// runbook lets the runbook see something else than there is.
func runbook(change func(*estate.Migration, *estate.Marker, *evidence.Evidence)) func(*reconciler.Config) {
	return func(c *reconciler.Config) {
		c.Decide = func(m *estate.Migration, at estate.Marker, e *evidence.Evidence, now time.Time) phase.Decision {
			migration, doctored := *m, *e
			doctored.Services, doctored.Links = slices.Clone(e.Services), slices.Clone(e.Links)
			doctored.Freeze.Pipelines = slices.Clone(e.Freeze.Pipelines)
			change(&migration, &at, &doctored)
			return phase.Next(&migration, at, &doctored, now)
		}
	}
}

func BenchmarkRun(b *testing.B) {
	for i := range b.N {
		Run(b.Context(), ByChance(uint64(i+1)), nil)
	}
}
