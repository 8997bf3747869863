package reconciler_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/gitops/values"
	"cutover/reconciler"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
	"cutover/reconciler/record"
	"cutover/reconciler/world"
)

const migrationBranch = "migration/eks"

// newCanary is a migration with a quarter of the traffic in the new cluster.
func newCanary(t *testing.T) *trip {
	t.Helper()
	tr := newTrip(t)
	for _, checkpoint := range []string{"prepare", "deploy", "freeze", "canary 1%", "canary 25%"} {
		tr.through(checkpoint)
	}
	return tr
}

// restart lets the daemon die and another one start, which remembers what the journal has.
func (tr *trip) restart() {
	tr.p = tr.w.Start()
	tr.r = on(tr.T, tr.p)
}

// push lets a person push a file to the migration's branch.
func (tr *trip) push(path, data string) {
	tr.Helper()
	if _, err := tr.w.Push("dana", migrationBranch, []estate.File{{Path: path, Data: []byte(data)}}, nil, "Change "+path); err != nil {
		tr.Fatal(err)
	}
}

// back rolls back by a pull request that a person merges, as cutover rollback opens it.
func (tr *trip) back(to estate.Marker) {
	tr.Helper()
	p, err := on(tr.T, tr.w.Another()).Propose(tr.Context(), tr.w.Heads(), "eks", reconciler.Move{Back: &to})
	if err != nil {
		tr.Fatalf("roll back: %v", err)
	}
	if err := tr.w.Merge("rita", p.Number, world.MergeCommit); err != nil {
		tr.Fatal(err)
	}
}

// at tells whether every proxy that answers gives the new cluster so many percent.
func (tr *trip) at(weight int) func() bool {
	return func() bool {
		for _, w := range tr.w.Weights() {
			if w != weight {
				return false
			}
		}
		return true
	}
}

func (tr *trip) decides(code phase.Code) func() bool {
	return func() bool { return tr.last.Decision.Reason.Code == code }
}

// TestBranchUnusable breaks the branch in mid-canary: what was reached is kept up, by another process too, and the traffic
// can go back.
func TestBranchUnusable(t *testing.T) {
	t.Parallel()
	tr := newCanary(t)
	const path = "deploy-values/orbit/web/profile/service.yaml"
	good := string(tr.w.File(migrationBranch, path))
	tr.push(path, good+"}}\n")
	tr.until("the mistake is told", time.Minute, tr.decides(phase.BranchUnusable))
	if d := tr.last.Decision; d.Kind != phase.Refuse || !strings.Contains(d.Reason.Text, path+":") || !strings.Contains(tr.last.Error, path+":") {
		t.Errorf("%s: %s; error %q: want %s refused with its line", d.Kind, d.Reason.Text, tr.last.Error, path)
	}
	if tr.last.Commit != tr.w.Head(migrationBranch) {
		t.Errorf("the report is of %s", tr.last.Commit)
	}
	tr.restart()
	for _, proxy := range []string{"edge-1", "edge-2"} {
		tr.w.Reload(proxy)
	}
	if err := tr.w.Tamper("dana", "media"); err != nil {
		t.Fatal(err)
	}
	tr.w.EndSilences("dana")
	tr.pass()
	tr.until("the weights are set again", time.Minute, tr.at(25))
	tr.until("nothing else is to be kept up", 5*time.Minute, tr.decides(phase.BranchUnusable))

	tr.back(estate.Marker{Phase: estate.Freeze})
	tr.until("the traffic goes back", time.Minute, tr.at(0))
	tr.until("and the mistake is told again", time.Minute, tr.decides(phase.BranchUnusable))
	if tr.last.Marker.Phase != estate.Freeze {
		t.Errorf("the migration stands at %s", phase.Title(tr.last.Marker))
	}
	tr.push(path, good)
	tr.until("the branch is mended", time.Hour, func() bool { return tr.last.Decision.Kind != phase.Refuse && tr.last.Error == "" })
}

// TestMarkerThatCannotBeRead merges markers that are mistakes of the file itself: they are refused as markers.
func TestMarkerThatCannotBeRead(t *testing.T) {
	t.Parallel()
	const path = "migrations/eks/phase.yaml"
	tr := newCanary(t)
	for i, tt := range []struct {
		text string
		want phase.Code
	}{
		{"phase: canary\nweight: 33\n", phase.WeightUnknown},
		{"phase: deplyo\n", phase.PhaseUnknown},
		{"phase: [\n", phase.PhaseUnknown},
		{"phase: canary\nwieght: 100\n", phase.PhaseUnknown},
	} {
		branch := fmt.Sprint("dana/", i)
		tr.w.Branch(branch, tr.w.Head(migrationBranch))
		if _, err := tr.w.Push("dana", branch, []estate.File{{Path: path, Data: []byte(tt.text)}}, nil, "On\n\nCutover-Phase: canary"); err != nil {
			t.Fatal(err)
		}
		number, err := tr.w.Open("dana", branch, migrationBranch, "On")
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.w.Merge("rita", number, world.MergeCommit); err != nil {
			t.Fatal(err)
		}
		tr.until("it is refused", time.Minute, tr.decides(tt.want))
		if d := tr.last.Decision; d.Kind != phase.Refuse || tt.want == phase.PhaseUnknown && !strings.Contains(d.Reason.Text, path+":") {
			t.Errorf("%q: %s: %s", tt.text, d.Kind, d.Reason.Text)
		}
		tr.w.Reload("edge-1")
		tr.until("the marker before it is kept up", time.Minute, tr.at(25))
		tr.back(estate.Marker{Phase: estate.Canary, Weight: 25}) // the one that counts stands over it
		tr.until("and goes on", time.Hour, func() bool { return tr.last.Decision.Kind == phase.Advance })
	}
}

// TestBackWithoutTheNewCluster loses the new cluster: the traffic goes back by a command and a process that have never seen
// it, and developers get their pipelines back.
func TestBackWithoutTheNewCluster(t *testing.T) {
	for name, away := range map[string]string{"the new cluster": "kubernetes orbit-prod2", "Vault": "vault"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newCanary(t)
			if !slices.Contains(tr.w.Systems(), away) {
				t.Fatalf("no system %s in %v", away, tr.w.Systems())
			}
			tr.w.Away(away, 24*time.Hour)
			tr.restart()
			tr.pass()
			if !tr.frozen() {
				t.Error("the old pipelines are not frozen")
			}
			tr.back(estate.Marker{Phase: estate.Deploy})
			tr.until("the traffic goes back", time.Minute, tr.at(0))
			tr.until("the freeze is taken back", 10*time.Minute, func() bool { return !tr.frozen() })
			tr.until("the rest waits", time.Minute, tr.decides(phase.Unseen))
		})
	}
}

// TestPlanWithoutTheNewCluster: whoever is to merge a way back is told what cannot be told.
func TestPlanWithoutTheNewCluster(t *testing.T) {
	t.Parallel()
	tr := newCanary(t)
	tr.w.Away("kubernetes orbit-prod2", 24*time.Hour)
	p, err := on(t, tr.w.Another()).Propose(t.Context(), tr.w.Heads(), "eks", reconciler.Move{Back: &estate.Marker{Phase: estate.Deploy}})
	if err != nil {
		t.Fatal(err)
	}
	tr.until("it is told", time.Minute, func() bool { return strings.Contains(tr.said(p.Number), "could not be looked at") })
	tr.merge(p.Number)
	tr.until("the traffic goes back", time.Minute, tr.at(0))
}

// silent is a cluster that takes questions about its nodes and never answers.
type silent struct {
	reconciler.Cluster
	asked chan struct{}
}

func (s silent) Survey(ctx context.Context, _ []estate.Release) (evidence.Survey, error) {
	select {
	case s.asked <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return evidence.Survey{}, ctx.Err()
}

// TestBackBeforeAnythingElse: a marker that goes back moves the traffic before a system that hangs is waited for.
func TestBackBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	tr := newCanary(t)
	asked := make(chan struct{}, 1)
	tr.p = tr.w.Start()
	tr.r = onChanged(t, tr.p, func(c *reconciler.Config) {
		to := tr.w.Migration().To.Cluster
		c.Clusters[to] = silent{c.Clusters[to], asked}
	})
	tr.back(estate.Marker{Phase: estate.Deploy})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	heads, err := tr.p.Ports().Repository.Fetch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := tr.r.Pass(ctx, heads, reconciler.Full)
		ended <- err
	}()
	<-asked
	tr.keep(2)
	if !tr.at(0)() {
		t.Errorf("the weights are %v while the new cluster is waited for", tr.w.Weights())
	}
	stop()
	if err := <-ended; err == nil {
		t.Error("the pass ended without an error")
	}
}

// frozen tells whether an old pipeline is frozen.
func (tr *trip) frozen() bool {
	tr.Helper()
	for _, application := range []string{"profile", "media", "api"} {
		docs, err := tr.w.Another().Ports().Spinnaker.Pipelines(tr.Context(), application)
		if err != nil {
			tr.Fatal(err)
		}
		for _, doc := range docs {
			if _, frozen, _ := pipeline.FrozenBy(doc); frozen {
				return true
			}
		}
	}
	return false
}

// TestMarkerLost rewrites the branch so that the marker that counted is gone: what it had reached is kept up, and a new
// pull request goes on from there, whoever looks at it later.
func TestMarkerLost(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	for _, checkpoint := range []string{"prepare", "deploy", "freeze", "canary 1%"} {
		tr.through(checkpoint)
	}
	before := tr.w.Head(migrationBranch)
	tr.through("canary 25%")
	tr.w.Branch(migrationBranch, before)
	tr.until("the loss is told", time.Minute, tr.decides(phase.MarkerLost))
	tr.w.Reload("edge-1")
	tr.until("what was reached is kept up", time.Minute, tr.at(25))

	marker := []estate.File{{Path: "migrations/eks/phase.yaml", Data: values.MarkerFile(estate.Marker{Phase: estate.Canary, Weight: 25})}}
	tr.w.Branch("rita/1", before)
	if _, err := tr.w.Push("rita", "rita/1", marker, nil, "As it was\n\nCutover-Phase: canary"); err != nil {
		t.Fatal(err)
	}
	number, err := tr.w.Open("rita", "rita/1", migrationBranch, "As it was")
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.w.Merge("rita", number, world.MergeCommit); err != nil {
		t.Fatal(err)
	}
	tr.until("the new marker counts", time.Hour, func() bool { return tr.last.Decision.Kind == phase.Advance })
	tr.restart()
	tr.through("canary 100%")
}

// TestGitAway cannot fetch: what was reached is kept up from what an earlier process fetched, and nothing goes forward.
func TestGitAway(t *testing.T) {
	t.Parallel()
	tr := newCanary(t)
	next, ok := tr.open("canary 100%")
	if !ok {
		t.Fatal("no pull request of canary 100%")
	}
	if err := tr.w.Merge("rita", next.Number, world.MergeCommit); err != nil {
		t.Fatal(err)
	}
	tr.w.Away("git", time.Hour)
	tr.restart()
	tr.w.Reload("edge-1")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error)
	go func() { ended <- tr.r.Run(ctx, reconciler.Wakes{}) }()
	if err := wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
		list := tr.r.Reports()
		if len(list) != 1 || list[0].Decision.Reason.Code != phase.Unseen || !tr.at(25)() {
			return false, nil
		}
		return list[0].Pass.Number > 1 && !list[0].Pass.Full, nil // everything is not asked for again and again
	}); err != nil {
		t.Errorf("%v: weights %v, reports %+v", err, tr.w.Weights(), tr.r.Reports())
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestARefusedMarkerStaysRefused takes the marker off the branch that counted after one that skipped a checkpoint: that one
// is the newest again, and would follow now, but nobody has decided so.
func TestARefusedMarkerStaysRefused(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	tr.through("prepare")
	bring := func(branch string, to estate.Marker) {
		t.Helper()
		tr.w.Branch(branch, tr.w.Head(migrationBranch))
		marker := []estate.File{{Path: markerPath, Data: values.MarkerFile(to)}}
		if _, err := tr.w.Push("rita", branch, marker, nil, "Go on\n\nCutover-Phase: "+to.Phase.String()); err != nil {
			t.Fatal(err)
		}
		number, err := tr.w.Open("rita", branch, migrationBranch, "Go on")
		if err != nil {
			t.Fatal(err)
		}
		tr.merge(number)
	}
	bring("rita/skip", estate.Marker{Phase: estate.Freeze})
	tr.until("the marker to be refused", time.Minute, tr.decides(phase.MarkerSkips))
	skipped := tr.w.Head(migrationBranch)
	bring("rita/next", estate.Marker{Phase: estate.Deploy})
	tr.until("deploy to begin", time.Minute, func() bool { return tr.last.Marker.Phase == estate.Deploy })
	tr.restart()
	tr.w.Branch(migrationBranch, skipped)
	tr.until("the loss is told", time.Minute, tr.decides(phase.MarkerLost))
	for range 5 {
		if tr.pass(); tr.last.Marker.Phase != estate.Deploy {
			t.Fatalf("the marker that counts is %s", tr.last.Marker)
		}
	}
}

// meanwhile lets something happen once, after the first intent of a kind was written down.
type meanwhile struct {
	reconciler.Journal
	verb phase.Verb
	do   *sync.Once
	what func()
}

func (j meanwhile) Append(ctx context.Context, e record.Entry) (int64, error) {
	id, err := j.Journal.Append(ctx, e)
	if e.Kind == record.Action && e.Verb == string(j.verb) {
		j.do.Do(j.what)
	}
	return id, err
}

// highest remembers the highest weight that was asked for.
type highest struct {
	reconciler.Edge
	weight *int
}

func (h highest) SetWeight(ctx context.Context, names []string, backend, from, to string, weight int) error {
	*h.weight = max(*h.weight, weight)
	return h.Edge.SetWeight(ctx, names, backend, from, to, weight)
}

// TestRollbackMergedDuringAPass: what was decided before it is not done after it.
func TestRollbackMergedDuringAPass(t *testing.T) {
	t.Parallel()
	for _, verb := range []phase.Verb{phase.BeginBake, phase.SetWeight} {
		t.Run(string(verb), func(t *testing.T) {
			t.Parallel()
			tr := newCanary(t)
			most := 0
			tr.r = onChanged(t, tr.p, func(c *reconciler.Config) {
				c.Journal = meanwhile{c.Journal, verb, new(sync.Once), func() { tr.back(estate.Marker{Phase: estate.Freeze}) }}
				c.Edge = highest{c.Edge, &most}
			})
			tr.merge(tr.proposed("canary 100%").Number)
			tr.until("no traffic", time.Minute, tr.at(0))
			if most > 25 {
				t.Errorf("the weight was set to %d%% after the rollback was merged", most)
			}
		})
	}
}
