package reconciler_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/reconciler"
	"cutover/reconciler/failure"
	"cutover/reconciler/phase"
	"cutover/reconciler/record"
	"cutover/reconciler/world"
)

// TestANewServiceWaitsForTheEndOfTheFreeze offers a service that git does not name yet, and one of another product.
func TestANewServiceWaitsForTheEndOfTheFreeze(t *testing.T) {
	tr := newTrip(t)
	offered := map[string]int{}
	for branch, dir := range map[string]string{"dana/new": "deploy-values/orbit/web/shop/", "dana/other": "deploy-values/planet/web/shop/"} {
		files := []estate.File{
			{Path: dir + "service.yaml", Data: []byte("class: stateless\nteam: web\nrepository: orbit/shop\nstacks:\n  prod: {pipelines: [deploy]}\n")},
			{Path: dir + "values.yaml", Data: []byte("image: harbor.example.com/orbit/shop\n")},
		}
		if _, err := tr.w.Push("dana", branch, files, nil, "A shop"); err != nil {
			t.Fatal(err)
		}
		number, err := tr.w.Open("dana", branch, world.Main, "A shop")
		if err != nil {
			t.Fatal(err)
		}
		offered[branch] = number
	}
	for _, checkpoint := range []string{"prepare", "deploy", "freeze"} {
		tr.through(checkpoint)
	}
	tr.until("the freeze to be told", time.Minute, func() bool { return tr.blocked(offered["dana/new"]) })
	if tr.blocked(offered["dana/other"]) {
		t.Error("a pull request that is none of the product's is blocked")
	}
}

// blocked says that a pull request has the failing status of the freeze.
func (tr *trip) blocked(number int) bool {
	tr.Helper()
	for _, p := range tr.w.Requests() {
		if p.Number != number {
			continue
		}
		statuses, err := tr.p.Ports().Host.Statuses(tr.Context(), p.Commit)
		if err != nil {
			tr.Fatal(err)
		}
		for _, s := range statuses {
			if strings.HasSuffix(s.Context, "/frozen") {
				return s.State == review.Failure
			}
		}
	}
	return false
}

// TestALateReleaseIsPinned deploys to the old cluster shortly before it is frozen, at any time since the
// versions were read last: the re-sync does not end without it.
func TestALateReleaseIsPinned(t *testing.T) {
	t.Parallel()
	for _, before := range []time.Duration{2, 8, 14, 20, 26} {
		before *= time.Second
		t.Run(before.String(), func(t *testing.T) {
			t.Parallel()
			tr := newTrip(t)
			tr.through("prepare")
			tr.through("deploy")
			p := tr.proposed("freeze")
			tr.changed(time.Minute)
			if err := tr.w.Deploy("dana", "profile", "1.9.0"); err != nil {
				t.Fatal(err)
			}
			tr.changed(before)
			tr.merge(p.Number)
			for end := tr.w.Now().Add(time.Hour); tr.last.Marker.Phase != estate.Freeze || tr.last.Decision.Step <= 9; tr.changed(time.Second) {
				if tr.w.Now().After(end) {
					t.Fatalf("step 9 does not end: %s", tr.last.Decision.Reason.Text)
				}
			}
			for _, e := range tr.w.Entries() {
				if e.Outcome == record.Done && e.Verb == string(phase.PinVersions) && strings.Contains(e.Reason, "1.9.0") {
					return
				}
			}
			t.Errorf("the release is not pinned, and step %d has begun: %s", tr.last.Decision.Step, tr.last.Decision.Reason.Text)
		})
	}
}

// TestALatePullRequestIsBlocked opens a pull request shortly before the freeze, when the plan of the freeze was told: it is
// blocked before the freeze counts as done.
func TestALatePullRequestIsBlocked(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	tr.through("prepare")
	tr.through("deploy")
	p := tr.proposed("freeze")
	tr.changed(20 * time.Second)
	const path = "deploy-values/orbit/web/profile/values.yaml"
	late := tr.offer("dana/late", world.Main, []estate.File{{Path: path, Data: append(bytes.Clone(tr.w.File(world.Main, path)), "level: debug\n"...)}})
	tr.changed(4 * time.Second)
	tr.merge(p.Number)
	for end := tr.w.Now().Add(time.Hour); tr.last.Marker.Phase != estate.Freeze || tr.last.Decision.Step <= 8; tr.changed(time.Second) {
		if tr.w.Now().After(end) {
			t.Fatalf("step 8 does not end: %s", tr.last.Decision.Reason.Text)
		}
	}
	if !tr.blocked(late) {
		t.Errorf("step %d has begun, and pull request #%d may be merged", tr.last.Decision.Step, late)
	}
}

// lists is a Spinnaker whose lists of pipelines may be away.
type lists struct {
	pipelines
	away *bool
}

// runs is one that counts how often it is asked what runs.
type runs struct {
	reconciler.Executions
	asked *int
}

type pipelines = reconciler.Pipelines // whose name is that of its method

func (l lists) Pipelines(ctx context.Context, application string) ([]pipeline.Document, error) {
	if *l.away {
		return nil, failure.ErrTransient
	}
	return l.pipelines.Pipelines(ctx, application)
}

func (r runs) Running(ctx context.Context, application string) ([]pipeline.Execution, error) {
	*r.asked++
	return r.Executions.Running(ctx, application)
}

// TestNothingRunsIsSeen: without the pipelines nobody knows whether something of them runs.
func TestNothingRunsIsSeen(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	for _, checkpoint := range []string{"prepare", "deploy", "freeze"} {
		tr.through(checkpoint)
	}
	away, asked := true, 0
	tr.p = tr.w.Start()
	tr.r = onChanged(t, tr.p, func(c *reconciler.Config) {
		c.Pipelines, c.Executions = lists{c.Pipelines, &away}, runs{c.Executions, &asked}
	})
	heads := tr.w.Heads()
	if _, err := tr.r.Pass(t.Context(), heads, reconciler.Changed); !errors.Is(err, failure.ErrTransient) || asked > 0 {
		t.Fatalf("asked %d times without knowing the pipelines; error %v", asked, err)
	}
	away = false
	if _, err := tr.r.Pass(t.Context(), heads, reconciler.Changed); err != nil || asked == 0 {
		t.Errorf("asked %d times once they are known; error %v", asked, err)
	}
}

// TestBlockedWithoutSpinnaker: developers' pull requests are kept out while Spinnaker is away.
func TestBlockedWithoutSpinnaker(t *testing.T) {
	t.Parallel()
	tr := newCanary(t)
	tr.w.Away("spinnaker", time.Hour)
	const path = "deploy-values/orbit/web/profile/values.yaml"
	late := tr.offer("dana/late", world.Main, []estate.File{{Path: path, Data: append(bytes.Clone(tr.w.File(world.Main, path)), "level: debug\n"...)}})
	tr.until("the pull request is blocked", 5*time.Minute, func() bool { return tr.blocked(late) })
	if d := tr.last.Decision; d.Reason.Code != phase.Unseen && d.Reason.Code != phase.FreezePending {
		t.Errorf("%s: %s", d.Reason.Code, d.Reason.Text)
	}
}
