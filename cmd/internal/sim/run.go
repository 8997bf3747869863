package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cutover/gitops/estate"
	"cutover/reconciler"
	"cutover/reconciler/drift"
	"cutover/reconciler/failure"
	"cutover/reconciler/phase"
	"cutover/reconciler/world"
)

// Result is how one run ended.
type Result struct {
	Seed     uint64
	End      string   // "converged", or why the migration stands still
	Failures []string // why the run is not as it should be
	Breaches []world.Breach
	Counts   world.Counts
	Passes   int
}

// The bounds of a run: a migration that has not come to an end by then never will.
const (
	mostPasses = 20_000
	mostTime   = 48 * time.Hour
	// quietFor is how long nothing may change before a migration is taken to stand still.
	quietFor = time.Hour
)

// How the daemon is woken, as its own configuration has it.
const (
	gitPoll   = 5 * time.Minute
	fullEvery = 10 * time.Minute
	poll      = 5 * time.Second
	settle    = 200 * time.Millisecond
	retryMost = time.Minute
	// keepOften and keepRarely are how often the weights are looked after.
	keepOften, keepRarely = time.Second, 20 * time.Second
	// startAfter is how long the process is away after a crash.
	startAfter = 10 * time.Second
)

// run is one migration under way.
type run struct {
	plan    Plan
	w       *world.World
	m       estate.Migration
	rng     *rand.Rand
	people  people
	trace   io.Writer
	goal    goal
	passes  int
	calm    bool
	began   time.Time
	changed time.Time // when the migration last moved

	process *world.Process
	r       *reconciler.Reconciler
	heads   estate.Heads
	told    estate.Heads // what webhooks told
	fetched time.Time
	full    time.Time
	retry   time.Duration
	seen    int    // changes of the new cluster
	stands  string // where it stood then
	last    string // what was told last
	// needless is what was waited for although the world has it always; "" if nothing was.
	needless string
}

// Run simulates one migration.
func Run(ctx context.Context, p Plan, trace io.Writer) Result {
	tell := func(string) {}
	if trace != nil {
		tell = func(line string) { _, _ = fmt.Fprintln(trace, line) }
	}
	options := world.Options{Seed: p.Seed}
	if trace != nil {
		options.Trace = tell
	}
	w, err := world.New(options)
	if err != nil {
		return Result{Seed: p.Seed, End: "no world", Failures: []string{err.Error()}}
	}
	s := &run{plan: p, w: w, m: w.Migration(), rng: rand.New(rand.NewPCG(p.Seed, 0x70656f70)), trace: trace, began: w.Now(), changed: w.Now()} //nolint:gosec // it has to repeat
	s.people = newPeople(s)
	if s.goal = forward(&s.m); p.Back {
		s.goal = goal{} // chosen once the traffic is there
	}
	w.SetFaults(p.Faults)
	w.FailExecutions(p.Failures)
	w.SetRequests(p.Requests)
	w.FailJobs(p.Failures)
	s.start(ctx)
	result := Result{Seed: p.Seed}
	for result.End == "" {
		s.calmDown()
		again := s.pass(ctx)
		if result.End = s.ended(ctx); result.End == "" {
			s.people.act(ctx)
			s.sleep(ctx, again)
		}
	}
	s.judge(&result)
	return result
}

// survive runs one migration, and makes a failure of the run of what would end the program.
func survive(ctx context.Context, p Plan, trace io.Writer) (result Result) {
	defer func() {
		if r := recover(); r != nil {
			result = Result{Seed: p.Seed, End: "panic", Failures: []string{fmt.Sprintf("panic: %v\n%s", r, debug.Stack())}}
		}
	}()
	return Run(ctx, p, trace)
}

// start begins a process, with a new reconciler that knows nothing.
func (s *run) start(ctx context.Context) {
	s.process = s.w.Start()
	s.armCrash()
	ports := s.process.Ports()
	clusters := map[estate.ClusterName]reconciler.Cluster{}
	for name, c := range ports.Clusters {
		clusters[name] = c
	}
	config := reconciler.Config{
		Source: ports.Repository, History: ports.Repository, Commits: ports.Repository, Merger: ports.Repository, Branches: ports.Repository,
		Applications: ports.Spinnaker, Pipelines: ports.Spinnaker, Executions: ports.Spinnaker, Clusters: clusters,
		Reviews: ports.Host, Conversations: ports.Host, Secrets: ports.Vault, Roles: ports.IAM, Alarms: ports.Alertmanager,
		Edge: ports.Fleet, Measurements: ports.Prometheus, Prober: ports.Prober, Journal: ports.Journal,
		Generator: world.Generator, Email: "platform@example.com", Repair: true, Poll: poll, Width: 1,
		Drift: drift.Policy{Manager: world.Manager, MaxPrune: 50},
		Now:   s.process.Now, Log: s.log(), Metrics: prometheus.NewRegistry(),
	}
	if s.plan.Plant != nil {
		s.plan.Plant(&config)
	}
	r, err := reconciler.New(config)
	if err != nil {
		panic(err) // the list above lacks something
	}
	s.r, s.heads, s.full, s.retry = r, nil, time.Time{}, 0
	s.process.Beside(func() { s.keepTraffic(ctx) })
}

// keepTraffic looks after the weights once.
func (s *run) keepTraffic(ctx context.Context) {
	if err := s.r.KeepTraffic(ctx); err != nil && s.trace != nil {
		_, _ = fmt.Fprintf(s.trace, "the edge: %v\n", err)
	}
}

func (s *run) log() *slog.Logger {
	if s.trace == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(s.trace, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.String("at", s.w.Now().UTC().Format("15:04:05"))
		}
		return a
	}}))
}

// armCrash chooses the effect at which the process dies.
func (s *run) armCrash() {
	if s.plan.Crash == 0 || s.calm {
		s.w.CrashAt(0, false)
		return
	}
	n := 1
	for s.rng.Float64() > s.plan.Crash && n < 10_000 {
		n++
	}
	s.w.CrashAt(n, s.rng.IntN(2) == 0)
}

// pass lets the reconciler do what it can, as its Run would, and returns when to look again at the latest.
func (s *run) pass(ctx context.Context) time.Time {
	s.passes++
	now := s.w.Now()
	if s.process.Dead() {
		s.start(ctx)
	}
	scope := reconciler.Changed
	if now.Sub(s.full) >= fullEvery {
		scope, s.heads = reconciler.Full, nil
	}
	s.touch()
	s.w.Looks()
	if s.heads == nil || now.Sub(s.fetched) >= gitPoll || s.hooked() {
		s.heads, s.fetched = nil, s.w.Now()
	}
	again, err := s.r.Once(ctx, &s.heads, scope)
	if scope == reconciler.Full {
		s.full = now
	}
	s.look()
	if err != nil {
		return s.failed(err)
	}
	s.retry = 0
	return again
}

// hooked tells whether a webhook told of a push. Some get lost.
func (s *run) hooked() bool {
	heads := s.w.Heads()
	moved := !maps.Equal(heads, s.told)
	s.told = heads
	return moved && (s.calm || s.rng.IntN(5) > 0)
}

// failed puts the next pass off, a little longer each time.
func (s *run) failed(err error) time.Time {
	if s.process.Dead() {
		return s.w.Now().Add(startAfter)
	}
	if s.trace != nil {
		_, _ = fmt.Fprintf(s.trace, "pass failed: %v\n", err)
	}
	if errors.Is(err, failure.ErrConflict) {
		s.heads = nil
	}
	s.retry = min(max(2*s.retry, 250*time.Millisecond), retryMost)
	return s.w.Now().Add(s.retry)
}

// touch tells the reconciler what changed in the new cluster since the last pass, as the watches of the daemon do.
func (s *run) touch() {
	sets, seen := s.w.Touched(s.m.To.Cluster, s.seen)
	s.seen = seen
	for _, set := range sets {
		s.r.Touched(set)
	}
}

// look notes whether the migration moved.
func (s *run) look() {
	for _, report := range s.r.Reports() {
		d := report.Decision
		stands := fmt.Sprint(report.Marker, d.Kind, d.Step, d.Reason.Code)
		if stands != s.stands { // what the reason says may count on for ever
			s.stands, s.changed = stands, s.w.Now()
		}
		if d.Reason.Code == phase.RoomShort && s.calm {
			s.needless = "waits for what is there: " + d.Reason.Text
		}
		now := stands + d.Reason.Text
		if now == s.last {
			continue
		}
		s.last = now
		if s.trace != nil {
			_, _ = fmt.Fprintf(s.trace, "== %s: %s step %d: %s: %s\n", report.Marker, d.Kind, d.Step, d.Reason.Code, d.Reason.Text)
		}
	}
}

// sleep lets time pass until something may have changed: not longer than until the branches are looked at again.
func (s *run) sleep(ctx context.Context, again time.Time) {
	now := s.w.Now()
	until := phase.Earlier(phase.Earlier(again, now.Add(gitPoll)), s.people.next())
	s.advance(ctx, now.Add(s.plan.Pace), func(until time.Time) bool { s.w.Advance(until); return false })
	s.advance(ctx, until, func(until time.Time) bool { return s.w.Watch(s.m.To.Cluster, until, settle) })
}

// advance lets time pass until then, or until something changed, and meanwhile lets the daemon look after the weights:
// every second, as it does, while that could change anything, and now and then otherwise.
func (s *run) advance(ctx context.Context, until time.Time, pass func(time.Time) bool) {
	for now := s.w.Now(); now.Before(until); now = s.w.Now() {
		every := keepRarely
		if s.w.Uneasy() {
			every = keepOften
		}
		next := now.Add(every)
		if next.After(until) {
			next = until
		}
		if pass(next) {
			return
		}
		s.keepTraffic(ctx)
	}
}

// calmDown ends what makes the run stormy once its time has come.
func (s *run) calmDown() {
	if s.calm || s.w.Now().Sub(s.began) < s.plan.Stormy {
		return
	}
	s.calm = true
	s.w.SetFaults(world.Faults{})
	s.w.FailExecutions(0)
	s.w.SetRequests(100)
	s.w.FailJobs(0)
	s.w.CrashAt(0, false)
	s.people.mend()
	s.changed = s.w.Now()
}

// ended tells how the run ended, or "" if it goes on.
func (s *run) ended(ctx context.Context) string {
	if ctx.Err() != nil || s.plan.Seek != nil && slices.ContainsFunc(s.w.Breaches(), s.plan.Seek) {
		return "interrupted"
	}
	if reports := s.r.Reports(); len(reports) > 0 && s.calm {
		report := reports[0]
		if report.Decision.Kind == phase.Advance && report.Error == "" {
			s.w.Rest(report.Marker)
			if s.goal.at(report.Marker) {
				return s.goal.end
			}
			if last := phase.Checkpoints(&s.m); report.Marker == last[len(last)-1] {
				s.goal = s.back()
				s.people.move(s.goal.marker, "Go back in the end")
				s.changed = s.w.Now()
				return ""
			}
		}
		if s.w.Now().Sub(s.changed) > quietFor {
			return fmt.Sprintf("%s: %s", report.Decision.Kind, report.Decision.Reason.Code)
		}
	}
	if s.passes > mostPasses || s.w.Now().Sub(s.began) > mostTime {
		return "endless"
	}
	return ""
}

// goal is where a run has to end.
type goal struct {
	marker estate.Marker
	end    string // how that is told
}

// at tells whether a marker is the goal.
func (g goal) at(marker estate.Marker) bool { return g.marker == marker }

// forward is the goal of a run that does not go back in the end: all traffic in the new cluster.
func forward(m *estate.Migration) goal {
	points := phase.Checkpoints(m)
	return goal{points[len(points)-1], "converged"}
}

// back chooses a checkpoint to which a run goes back once everything had been moved.
func (s *run) back() goal {
	points := phase.Checkpoints(&s.m)
	to := points[s.rng.IntN(len(points)-1)]
	return goal{to, "went back to " + to.String()}
}

// judge says what is wrong with how the run ended.
func (s *run) judge(r *Result) {
	r.Passes = s.passes
	reports := s.r.Reports()
	r.Counts, r.Breaches = s.w.Counts(), s.w.Breaches()
	for _, b := range r.Breaches {
		r.Failures = append(r.Failures, "BREACH "+b.String())
	}
	if s.needless != "" {
		r.Failures = append(r.Failures, s.needless)
	}
	if r.End != s.goal.end && r.End != "interrupted" {
		why := r.End
		if len(reports) > 0 {
			why += fmt.Sprintf(" at %s: %s (error %q)", reports[0].Marker, reports[0].Decision.Reason.Text, reports[0].Error)
		}
		r.Failures = append(r.Failures, "not converged: "+why)
	}
}
