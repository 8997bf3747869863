package reconciler_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/phase"
	"cutover/reconciler/record"
	"cutover/reconciler/world"
)

// keep lets the daemon look after the edge for some seconds, once in each, and nothing else.
func (tr *trip) keep(seconds int) {
	tr.Helper()
	for range seconds {
		_ = tr.r.KeepTraffic(tr.Context()) // what fails is tried again, and the world tells what came of it
		tr.w.Advance(tr.w.Now().Add(time.Second))
	}
}

// hung is a Prometheus that takes queries and never answers.
type hung struct{ asked func() }

func (h hung) Measure(ctx context.Context, _ string) (float64, error) {
	h.asked()
	<-ctx.Done()
	return 0, failure.ErrTransient
}

// TestHungMetrics: the edge is kept up before Prometheus is asked, and one that hangs keeps nobody from it for long.
func TestHungMetrics(t *testing.T) {
	t.Parallel()
	tr := newCanary(t)
	asked := make(chan struct{}, 1000)
	tr.p = tr.w.Start()
	var seen []evidence.Check
	tr.r = onChanged(t, tr.p, func(c *reconciler.Config) {
		c.Measurements, c.Width = hung{func() { asked <- struct{}{} }}, 8
		c.Decide = func(m *estate.Migration, at estate.Marker, e *evidence.Evidence, now time.Time) phase.Decision {
			seen = e.Edge.Checks
			return phase.Next(m, at, e, now)
		}
	})
	begun := time.Now()
	tr.pass()
	want := evidence.Check{Name: "error rate", Verdict: evidence.Inconclusive, Reason: "how much was measured is not known: no answer within 3s"}
	if tr.last.Error != "" || len(seen) != 3 || seen[2] != want {
		t.Errorf("error %q, checks %+v: want the pass to go on without the queries", tr.last.Error, seen)
	}
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("a pass took %s", took)
	}

	tr.w.Reload("edge-1")
	for len(asked) > 0 {
		<-asked
	}
	tr.w.Advance(tr.w.Now().Add(5 * time.Second)) // what the pass left is too old
	kept := make(chan error)
	go func() { kept <- tr.r.KeepTraffic(t.Context()) }()
	<-asked
	if w := tr.w.Weights()["edge-1"]; w != 25 {
		t.Errorf("edge-1 has %d%% while Prometheus hangs", w)
	}
	tr.w.Reload("edge-2")
	if err := tr.r.KeepTraffic(t.Context()); err != nil { // another look is not kept waiting
		t.Error(err)
	}
	if w := tr.w.Weights()["edge-2"]; w != 25 {
		t.Errorf("edge-2 has %d%% while Prometheus hangs", w)
	}
	if err := <-kept; err != nil {
		t.Error(err)
	}
	tr.w.Ail(tr.w.Migration().To.Cluster, world.Illness{Errors: 0.5})
	tr.w.Advance(tr.w.Now().Add(30 * time.Second))
	_ = tr.r.KeepTraffic(t.Context())
	if !tr.at(1)() {
		t.Errorf("the weights are %v while half of the requests fail", tr.w.Weights())
	}
}

// TestWhatIsGoneBackToIsJudged lets the new cluster go on failing after its weight was taken back, in every way that it may.
func TestWhatIsGoneBackToIsJudged(t *testing.T) {
	t.Parallel()
	for name, ill := range map[string]world.Illness{
		"no answers": {Silent: 0.3}, "late answers": {Latency: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newCanary(t)
			tr.w.Ail(tr.w.Migration().To.Cluster, ill)
			tr.keep(60)
			if !tr.at(1)() {
				t.Fatalf("after a minute the weights are %v, want the last good one", tr.w.Weights())
			}
			tr.keep(120)
			if !tr.at(0)() {
				t.Fatalf("after three minutes the weights are %v, want no traffic where it fails", tr.w.Weights())
			}
			tr.pass()
			if d := tr.last.Decision; d.Reason.Code != phase.WeightFailed || !strings.Contains(d.Reason.Text, "; then 1%: ") {
				t.Errorf("%s: %s", d.Reason.Code, d.Reason.Text)
			}
		})
	}
}

// TestNobodyAnswers takes the new cluster's ingress away while it has all of the traffic: the proxies count that nowhere.
func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	tr := newCanary(t)
	tr.through("canary 100%")
	tr.w.Ail(tr.w.Migration().To.Cluster, world.Illness{Down: true})
	tr.keep(10)
	if !tr.at(25)() {
		t.Errorf("after ten seconds the weights are %v", tr.w.Weights())
	}
	tr.pass()
	if d := tr.last.Decision; d.Reason.Code != phase.WeightFailed || !strings.Contains(d.Reason.Text, "server new takes no traffic at edge-1 (DOWN for ") {
		t.Errorf("%s: %s", d.Reason.Code, d.Reason.Text)
	}
}

// TestUnfitServicesGetNothingBack: what a look saw of the services counts, although it could not see everything.
func TestUnfitServicesGetNothingBack(t *testing.T) {
	t.Parallel()
	for _, away := range []string{"vault", "kubernetes orbit-prod"} {
		t.Run(away, func(t *testing.T) {
			t.Parallel()
			tr := newCanary(t)
			tr.w.Away(away, time.Hour)
			reload := func() {
				for _, name := range tr.w.Migration().Edge.Proxies {
					tr.w.Reload(name)
				}
				tr.keep(10)
			}
			tr.pass()
			if reload(); !tr.at(25)() {
				t.Errorf("the weights are %v although all is well", tr.w.Weights())
			}
			tr.w.Fail(tr.w.Migration().To.Cluster, "web", "profile", time.Hour)
			tr.until("the crash is seen", time.Minute, func() bool {
				return slices.ContainsFunc(tr.last.Services, func(s reconciler.ServiceReport) bool { return s.Service.Name.String() == "profile" && !s.Ready })
			})
			if reload(); !tr.at(0)() {
				t.Errorf("the weights are %v", tr.w.Weights())
			}
		})
	}
}

// counted counts the changes of the edge in the journal.
type counted struct {
	reconciler.Journal
	changes *int
}

func (j counted) Append(ctx context.Context, e record.Entry) (int64, error) {
	if e.Kind == record.Action && e.Verb == string(phase.SetWeight) {
		*j.changes++
	}
	return j.Journal.Append(ctx, e)
}

// TestOneProxyTakesNoWeight: the others go back at once and stay there, and it is tried less and less often.
func TestOneProxyTakesNoWeight(t *testing.T) {
	t.Parallel()
	tr := newCanary(t)
	changes := 0
	tr.r = onChanged(t, tr.p, func(c *reconciler.Config) { c.Journal = counted{c.Journal, &changes} })
	tr.pass()
	tr.w.Guard("edge-2", 10*time.Minute)
	tr.w.Ail(tr.w.Migration().To.Cluster, world.Illness{Errors: 0.3})
	tr.keep(300)
	if w := tr.w.Weights(); w["edge-1"] != 0 || w["edge-2"] != 25 || w["edge-3"] != 0 {
		t.Errorf("the weights are %v", w)
	}
	if changes > 40 {
		t.Errorf("in five minutes it was tried %d times", changes)
	}
	tr.keep(330)
	if !tr.at(0)() {
		t.Errorf("the weights are %v after edge-2 takes them again", tr.w.Weights())
	}
}

// TestNextWeightCannotBeSet: the weight that stands is judged meanwhile.
func TestNextWeightCannotBeSet(t *testing.T) {
	t.Parallel()
	tr := newCanary(t)
	tr.w.Guard("edge-2", 5*time.Minute)
	p, _ := tr.open("canary 100%")
	if err := tr.w.Merge("reviewer", p.Number, world.MergeCommit); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		tr.mayFail()
	}
	tr.w.Ail(tr.w.Migration().To.Cluster, world.Illness{Silent: 0.3})
	tr.keep(60)
	if w := tr.w.Weights(); w["edge-1"] > 1 || w["edge-3"] > 1 {
		t.Errorf("the weights are %v while 100%% cannot be set and requests get no answer", w)
	}
}

// TestOneProxyIsStrange: another configuration of one proxy hides none of the others.
func TestOneProxyIsStrange(t *testing.T) {
	t.Parallel()
	tr := newCanary(t)
	tr.w.Mislay("edge-2", time.Hour)
	tr.w.Ail(tr.w.Migration().To.Cluster, world.Illness{Errors: 0.3})
	tr.keep(180)
	if w := tr.w.Weights(); w["edge-1"] != 0 || w["edge-3"] != 0 {
		t.Errorf("the weights are %v", w)
	}
}

// TestSettingAgainIsHeld: a weight that was lost comes back only if that breaks nothing, and is written down first.
func TestSettingAgainIsHeld(t *testing.T) {
	t.Parallel()
	tr := newCanary(t)
	reload := func() {
		for _, name := range tr.w.Migration().Edge.Proxies {
			tr.w.Reload(name)
		}
	}
	tr.w.FillDisk(30 * time.Second)
	reload()
	tr.keep(20)
	if !tr.at(0)() {
		t.Errorf("the weights are %v without an entry in the journal", tr.w.Weights())
	}
	tr.keep(30)
	if !tr.at(25)() {
		t.Errorf("the weights are %v after there is room again", tr.w.Weights())
	}
	tr.w.Fail(tr.w.Migration().To.Cluster, "web", "profile", 10*time.Minute)
	tr.pass() // sees that it is not ready
	reload()
	tr.keep(20)
	if !tr.at(0)() {
		t.Errorf("the weights are %v although profile is not ready", tr.w.Weights())
	}
}

// TestRewrittenAndRestarted: what a lost marker did is still looked at by another process, although another marker counts.
func TestRewrittenAndRestarted(t *testing.T) {
	t.Parallel()
	tr := newCanary(t)
	tr.w.Guard("edge-1", 10*time.Minute)
	const path = "migrations/eks/phase.yaml"
	for strings.Contains(string(tr.w.File(migrationBranch, path)), "canary") {
		tr.w.Branch(migrationBranch, tr.w.Parent(tr.w.Head(migrationBranch)))
	}
	tr.pass()
	tr.w.Branch("rita/back", tr.w.Head(migrationBranch))
	if _, err := tr.w.Push("rita", "rita/back", []estate.File{{Path: path, Data: []byte("phase: prepare\n")}}, nil, "Back\n\nCutover-Phase: prepare\n"); err != nil {
		t.Fatal(err)
	}
	number, err := tr.w.Open("rita", "rita/back", migrationBranch, "Back")
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.w.Merge("rita", number, world.MergeCommit); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		tr.mayFail()
	}
	tr.restart()
	for range 3 {
		tr.mayFail() // a breach ends the test: the freeze must not be undone while edge-1 has traffic
	}
	if w := tr.w.Weights(); w["edge-1"] != 25 || w["edge-2"] != 0 {
		t.Errorf("the weights are %v", w)
	}
	docs, err := tr.p.Ports().Spinnaker.Pipelines(t.Context(), "api")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		if mark, ok := pipeline.OwnedBy(d); ok && mark.Stack == "prod" {
			if _, frozen, _ := pipeline.FrozenBy(d); !frozen {
				t.Errorf("%s is not frozen", d.Name())
			}
		}
	}
}

// mayFail is a pass in which something is refused.
func (tr *trip) mayFail() {
	tr.Helper()
	heads, err := tr.p.Ports().Repository.Fetch(tr.Context())
	if err != nil {
		tr.Fatal(err)
	}
	_, _ = tr.r.Pass(tr.Context(), heads, reconciler.Full)
	tr.w.Advance(tr.w.Now().Add(5 * time.Second))
	for _, b := range tr.w.Breaches() {
		tr.Fatalf("breach: %+v", b)
	}
}
