package reconciler_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/phase"
)

// TestBehind lets developers work on after deploy: what the freeze will bring over is listed by who only looks, and in the
// plan of the freeze, and is gone when it is frozen.
func TestBehind(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	// behind is what another process lists that only looks.
	behind := func() phase.Resync {
		reports, err := on(tr.T, tr.w.Another()).PlanResync(t.Context(), tr.w.Heads())
		if err != nil {
			t.Fatal(err)
		}
		if len(reports) != 1 || reports[0].Resync == nil {
			t.Fatalf("%d reports, or no list: %+v", len(reports), reports)
		}
		return *reports[0].Resync
	}
	if reports, err := on(t, tr.w.Another()).PlanResync(t.Context(), tr.w.Heads()); err != nil || reports[0].Resync != nil {
		t.Errorf("before the first marker: %v, %+v", err, reports)
	}
	tr.through("prepare")
	if list := behind(); !list.Empty() {
		t.Errorf("after prepare: %+v", list)
	}
	tr.through("deploy")
	if list := behind(); !list.Empty() {
		t.Errorf("after deploy: %+v", list)
	}

	const path = "deploy-values/orbit/web/profile/prod-values.yaml"
	commit, err := tr.w.Push("Dana", "main", []estate.File{{Path: path, Data: slices.Concat(tr.w.File("main", path), []byte("level: debug\n"))}}, nil, "Say more\n\nAnd why.\n")
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.w.Deploy("dana", "media", "9.9.9"); err != nil {
		t.Fatal(err)
	}
	if err := tr.w.SetSecret("dana", "web/profile", "PASSWORD", "hidden-value"); err != nil {
		t.Fatal(err)
	}
	seen := func() bool {
		list := tr.last.Resync
		return list != nil && len(list.Services) == 1 && list.Services[0].Days == 2
	}
	tr.until("two days", 72*time.Hour, func() bool { tr.w.Advance(tr.w.Now().Add(time.Hour)); return seen() })

	list := behind()
	if s := list.Services; len(s) != 1 || s[0].Service != "orbit/web/media" || s[0].Running.String() != "9.9.9" || s[0].Days != 2 {
		t.Errorf("services: %+v", s)
	}
	if m := list.Main; m.Behind != 1 || len(m.Commits) != 1 || m.Commits[0].Commit != commit || m.Commits[0].Subject != "Say more" || !slices.Equal(m.Take, []string{path}) {
		t.Errorf("the base branch: %+v", m)
	}
	told := tr.last.Resync
	if len(told.Services) != len(list.Services) || told.Main.Behind != list.Main.Behind || len(told.Secrets) != len(list.Secrets) {
		t.Errorf("the daemon shows %+v, who looks %+v", told, list)
	}
	p, ok := tr.open("freeze")
	if !ok {
		t.Fatal("no pull request freeze")
	}
	comments, err := tr.w.Another().Ports().Host.Comments(t.Context(), p.Number)
	if err != nil || len(comments) != 1 {
		t.Fatalf("%d comments, %v", len(comments), err)
	}
	for _, want := range []string{
		"orbit/web/media: the old cluster runs 9.9.9, pinned is ", "2 days behind", "commit " + commit[:10] + " of the base branch, by Dana: Say more",
		"takes `" + path + "` from the base branch", "secret `web/profile`, key `PASSWORD`, differs",
	} {
		if !strings.Contains(comments[0].Text, want) {
			t.Errorf("the plan of the freeze does not have %q:\n%s", want, comments[0].Text)
		}
	}
	if strings.Contains(comments[0].Text, "hidden-value") {
		t.Errorf("the plan shows a secret:\n%s", comments[0].Text)
	}

	// What could not be looked at is said to be so, and nothing is said of it.
	tr.w.Away("iam", time.Minute)
	reports, err := on(tr.T, tr.w.Another()).PlanResync(t.Context(), tr.w.Heads())
	if err == nil || len(reports) != 1 || len(reports[0].Resync.Unseen) != 1 || len(reports[0].Resync.Roles) > 0 || reports[0].Error == "" {
		t.Errorf("without IAM: %v, %+v", err, reports)
	}
	if step := reports[0].Steps[3]; step.Complete || step.Total > 0 {
		t.Errorf("without IAM step 4 stands at %+v", step)
	}

	tr.through("freeze")
	if list := behind(); !list.Empty() {
		t.Errorf("after freeze: %+v", list)
	}
	if list := tr.last.Resync; list == nil || !list.Empty() {
		t.Errorf("after freeze the daemon shows %+v", list)
	}
}
