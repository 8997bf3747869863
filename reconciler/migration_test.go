package reconciler_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/reconciler"
	"cutover/reconciler/drift"
	"cutover/reconciler/failure"
	"cutover/reconciler/object"
	"cutover/reconciler/phase"
	"cutover/reconciler/world"
)

// on is a reconciler that works on a world.
func on(t *testing.T, p *world.Process) *reconciler.Reconciler {
	t.Helper()
	return onChanged(t, p, func(*reconciler.Config) {})
}

// onChanged is one whose ports are changed first.
func onChanged(t *testing.T, p *world.Process, change func(*reconciler.Config)) *reconciler.Reconciler {
	t.Helper()
	ports := p.Ports()
	clusters := map[estate.ClusterName]reconciler.Cluster{}
	for name, c := range ports.Clusters {
		clusters[name] = c
	}
	config := reconciler.Config{
		Source: ports.Repository, History: ports.Repository, Commits: ports.Repository, Merger: ports.Repository, Branches: ports.Repository,
		Applications: ports.Spinnaker, Pipelines: ports.Spinnaker, Executions: ports.Spinnaker, Clusters: clusters,
		Prober: ports.Prober, Journal: ports.Journal, Secrets: ports.Vault, Roles: ports.IAM, Alarms: ports.Alertmanager,
		Edge: ports.Fleet, Measurements: ports.Prometheus, Reviews: ports.Host, Conversations: ports.Host,
		Generator: world.Generator, Email: "platform@example.com", Repair: true, Width: 1,
		Drift: drift.Policy{Manager: "cutover", MaxPrune: 30},
		Now:   p.Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	}
	change(&config)
	r, err := reconciler.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// trip is a migration on a world, and the people who review it.
type trip struct {
	*testing.T
	w    *world.World
	p    *world.Process
	r    *reconciler.Reconciler
	last reconciler.Report
}

func newTrip(t *testing.T) *trip {
	t.Helper()
	w, err := world.New(world.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Push("dev", "migration/eks", []estate.File{{Path: "notes.md", Data: []byte("begun\n")}}, nil, "Begin"); err != nil {
		t.Fatal(err)
	}
	p := w.Start()
	return &trip{T: t, w: w, p: p, r: on(t, p)}
}

// pass runs one pass over everything that may have changed, and moves the clock on to when it wants to look again.
func (tr *trip) pass() {
	tr.Helper()
	heads, err := tr.p.Ports().Repository.Fetch(tr.Context())
	if err != nil {
		tr.Fatal(err)
	}
	// Nobody tells this test what changed in the clusters, so that everything is asked for anew, as the schedule does.
	again, err := tr.r.Pass(tr.Context(), heads, reconciler.Full)
	if err != nil && !errors.Is(err, failure.ErrConflict) && !errors.Is(err, failure.ErrTransient) {
		tr.Fatalf("pass: %v", err)
	}
	for _, report := range tr.r.Reports() {
		tr.last = report
		if report.Decision.Reason.Code == phase.RoomShort {
			tr.Fatalf("at %s: %s", report.Marker, report.Decision.Reason.Text) // there is room for all, and not for twice all
		}
	}
	now, wait := tr.w.Now(), 5*time.Second
	if !again.IsZero() && again.After(now) {
		wait = min(wait, again.Sub(now))
	}
	tr.w.Advance(now.Add(wait))
	for _, b := range tr.w.Breaches() {
		tr.Fatalf("breach: %+v", b)
	}
}

// until passes until done, for at most some simulated time.
func (tr *trip) until(what string, most time.Duration, done func() bool) {
	tr.Helper()
	for end := tr.w.Now().Add(most); !done(); {
		if tr.w.Now().After(end) {
			tr.Fatalf("%s did not come within %s: %s step %d %s: %s; %s", what, most, tr.last.Decision.Kind, tr.last.Decision.Step, tr.last.Decision.Reason.Code, tr.last.Decision.Reason.Text, tr.last.Error)
		}
		tr.pass()
	}
}

// open is the open pull request whose title ends so.
func (tr *trip) open(title string) (review.PullRequest, bool) {
	for _, p := range tr.w.Requests() {
		if p.State == review.Open && strings.HasSuffix(p.Title, title) {
			return p, true
		}
	}
	return review.PullRequest{}, false
}

// proposed waits for the pull request whose title ends so.
func (tr *trip) proposed(title string) (p review.PullRequest) {
	tr.Helper()
	tr.until("the pull request "+title, time.Hour, func() (ok bool) { p, ok = tr.open(title); return ok })
	return p
}

// through merges the pull request of a checkpoint, approves what it waits for, and passes until it is complete.
func (tr *trip) through(title string) {
	tr.Helper()
	p := tr.proposed(title)
	tr.merge(p.Number)
	approved := false
	tr.until(title+" to be complete", 4*time.Hour, func() bool {
		if tr.last.Decision.Reason.Code == phase.SmokeApproval && !approved {
			approved = true
			tr.approve(p.Number)
		}
		return phase.Title(tr.last.Marker) == title && tr.last.Decision.Kind == phase.Advance
	})
}

func (tr *trip) merge(number int) {
	tr.Helper()
	if err := tr.w.Merge("reviewer", number, world.MergeCommit); err != nil {
		tr.Fatal(err)
	}
}

// approve says under a pull request that the sample's test by a person has passed.
func (tr *trip) approve(number int) {
	tr.Helper()
	if err := tr.w.Say("tester", number, "works\n/approve devices"); err != nil {
		tr.Fatal(err)
	}
}

func TestMigrationByPullRequests(t *testing.T) {
	tr := newTrip(t)
	for _, checkpoint := range []string{"prepare", "deploy", "freeze", "canary 1%", "canary 25%", "canary 100%"} {
		tr.through(checkpoint)
		t.Logf("%s at %s", checkpoint, tr.w.Now().Format(time.TimeOnly))
	}
}

// TestLostVersionsDeployNothingTwice takes the commit off the branch that pinned the versions: they are pinned again, and
// what was deployed at them is still known.
func TestLostVersionsDeployNothingTwice(t *testing.T) {
	tr := newTrip(t)
	tr.through("prepare")
	tr.through("deploy")
	m := tr.w.Migration()
	history := tr.p.Ports().Repository
	pinned, ok, err := history.LastChange(tr.w.Head(m.Branch), m.VersionsPath())
	if err != nil || !ok {
		t.Fatalf("who pinned the versions: %t, %v", ok, err)
	}
	tr.w.Branch(m.Branch, tr.w.Parent(pinned.Hash))
	edited := object.Ref{Group: "apps", Kind: "Deployment", Namespace: "core", Name: "match"} // so that it is not as it was deployed
	if err := tr.w.Edit("dana", m.To.Cluster, edited, int64(2), "spec", "replicas"); err != nil {
		t.Fatal(err)
	}
	tr.pass()
	tr.until("all to be as it was", time.Hour, func() bool {
		return tr.w.File(m.Branch, m.VersionsPath()) != nil && tr.last.Decision.Kind == phase.Advance
	})
}

// TestVersionsAreFollowedUnderARewrittenImage deploys in the old cluster a service whose image another registry has for the
// new one.
func TestVersionsAreFollowedUnderARewrittenImage(t *testing.T) {
	tr := newTrip(t)
	tr.through("prepare")
	tr.through("deploy")
	if err := tr.w.Deploy("dana", "media", "1.7.0"); err != nil {
		t.Fatal(err)
	}
	tr.w.Advance(tr.w.Now().Add(5 * time.Minute))
	tr.through("freeze")
	m := tr.w.Migration()
	if pinned := string(tr.w.File(m.Branch, m.VersionsPath())); !strings.Contains(pinned, `media: "1.7.0"`) {
		t.Errorf("after the freeze the versions are\n%s", pinned)
	}
}
