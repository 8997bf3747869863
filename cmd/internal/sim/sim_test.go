package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler"
	"cutover/reconciler/evidence"
	"cutover/reconciler/invariant"
	"cutover/reconciler/phase"
	"cutover/reconciler/record"
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

// TestMistakesAreCaught plants one mistake at a time into the reconciler: the world has to see what comes of it.
func TestMistakesAreCaught(t *testing.T) {
	for _, mistake := range mistakes {
		t.Run(mistake.name, func(t *testing.T) {
			for seed := range uint64(2000) {
				plan := ByChance(seed + 1)
				plan.Plant = mistake.plant
				for _, b := range Run(t.Context(), plan, nil).Breaches {
					if b.Invariant == mistake.breaks {
						t.Logf("after %d runs: %s", seed+1, b)
						return
					}
				}
			}
			t.Error("no breach in 2000 runs")
		})
	}
}

// mistakes are safety rules that are turned off.
var mistakes = []struct {
	name, breaks string
	plant        func(*reconciler.Config)
}{
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
	{"sessions are not waited for", "singleton", func(c *reconciler.Config) { c.Edge = quiet{c.Edge} }},
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
		c.Edge, c.Measurements = rosy{c.Edge}, content{}
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
}

// blind lets the runbook and the invariants see other evidence than there is.
func blind(change func(*evidence.Evidence)) func(*reconciler.Config) {
	return func(c *reconciler.Config) {
		c.Decide = func(m *estate.Migration, at estate.Marker, e *evidence.Evidence, now time.Time) phase.Decision {
			doctored := *e
			doctored.Services, doctored.Links = slices.Clone(e.Services), slices.Clone(e.Links)
			doctored.Freeze.Pipelines = slices.Clone(e.Freeze.Pipelines)
			change(&doctored)
			return phase.Next(m, at, &doctored, now)
		}
		c.Check = func(*estate.Migration, estate.Marker, *evidence.Evidence, time.Time) []invariant.Breach { return nil }
	}
}

// rosy sees no errors at the proxies.
type rosy struct{ reconciler.Edge }

func (r rosy) Proxies(ctx context.Context, names []string, backend, from, to string) ([]evidence.Proxy, error) {
	out, err := r.Edge.Proxies(ctx, names, backend, from, to)
	for i := range out {
		out[i].To.Errors = 0
	}
	return out, err
}

// quiet sees no sessions.
type quiet struct{ reconciler.Edge }

func (q quiet) Proxies(ctx context.Context, names []string, backend, from, to string) ([]evidence.Proxy, error) {
	out, err := q.Edge.Proxies(ctx, names, backend, from, to)
	for i := range out {
		out[i].To.Current = 0
	}
	return out, err
}

// content measures nothing wrong.
type content struct{}

func (content) Measure(_ context.Context, query string) (float64, error) {
	if strings.HasPrefix(query, "requests") {
		return 1000, nil
	}
	return 0, nil
}

// taking lets a principal in and puts another one out.
type taking struct{ reconciler.Roles }

func (r taking) Trust(ctx context.Context, name, principal string) error {
	if err := r.Distrust(ctx, name, "arn:aws:iam::123456789012:role/nodes.orbit-prod"); err != nil {
		return err
	}
	return r.Roles.Trust(ctx, name, principal)
}

// eager takes every copy for one that may replace what differs.
type eager struct{ reconciler.Secrets }

func (s eager) Copy(ctx context.Context, t evidence.SecretTree, paths []string) error {
	t.Overwrite = true
	return s.Secrets.Copy(ctx, t, paths)
}

// muting silences other alarms too.
type muting struct{ reconciler.Alarms }

func (a muting) Silence(ctx context.Context, s evidence.Silence) (string, error) {
	s.Matchers = []string{`cluster=~"orbit-prod.*"`}
	return a.Alarms.Silence(ctx, s)
}

// forgetful lists no executions, so that what a process before started is started again.
type forgetful struct{ reconciler.Executions }

func (forgetful) Recent(context.Context, string, string, int) ([]pipeline.Execution, error) {
	return nil, nil
}

// careless says that an entry is safe, and does not write it, for half of them.
type careless struct {
	reconciler.Journal
	entries int64
}

func (j *careless) Append(ctx context.Context, e record.Entry) (int64, error) {
	if j.entries++; j.entries%2 == 0 {
		return j.entries, nil
	}
	return j.Journal.Append(ctx, e)
}

// lasting makes every silence a day longer.
type lasting struct{ reconciler.Alarms }

func (a lasting) Silence(ctx context.Context, s evidence.Silence) (string, error) {
	s.Ends = s.Ends.Add(24 * time.Hour)
	return a.Alarms.Silence(ctx, s)
}

// hasty moves traffic as soon as it sees the proxies.
type hasty struct{ reconciler.Edge }

func (h hasty) Proxies(ctx context.Context, names []string, backend, from, to string) ([]evidence.Proxy, error) {
	if err := h.SetWeight(ctx, names, backend, from, to, 1); err != nil {
		return nil, err
	}
	return h.Edge.Proxies(ctx, names, backend, from, to)
}

func BenchmarkRun(b *testing.B) {
	for i := range b.N {
		Run(b.Context(), ByChance(uint64(i+1)), nil)
	}
}
