package phase_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

// scenes are all situations, row by row.
var scenes = slices.Concat(markerScenes, surveyScenes, prepareScenes, deployScenes, smokeScenes, freezeScenes, linkScenes, alarmScenes, edgeScenes, unseenScenes)

func TestNext(t *testing.T) {
	for _, tt := range scenes {
		t.Run(tt.name, func(t *testing.T) {
			m, e := tt.set()
			got := phase.Next(m, tt.at, &e, t0)
			if diff := cmp.Diff(tt.want, transcript(got)); diff != "" {
				t.Errorf("decision (-want +got):\n%s\n%s", diff, got.Reason.Text)
			}
			judge(t, got)
			if again := phase.Next(m, tt.at, &e, t0); transcript(again) != transcript(got) {
				t.Errorf("the same evidence gave another decision:\n%s", transcript(again))
			}
		})
	}
}

// judge holds a decision to what every decision has to be.
func judge(t *testing.T, d phase.Decision) {
	t.Helper()
	if d.Reason.Text == "" || !slices.Contains(phase.Codes, d.Reason.Code) {
		t.Errorf("reason %q: %q is none of the vocabulary", d.Reason.Code, d.Reason.Text)
	}
	acts := d.Kind == phase.Do || d.Kind == phase.Retreat
	if acts != (len(d.Actions) > 0) {
		t.Errorf("%s with %d actions", d.Kind, len(d.Actions))
	}
	if waits := d.Kind == phase.Hold || d.Kind == phase.Refuse; waits && !d.Reason.Code.Waits() {
		t.Errorf("%s for %s, which is said not to wait", d.Kind, d.Reason.Code)
	}
	for _, a := range d.Actions {
		if a.Undo == "" || a.Reason == "" || a.Target == "" || a.Step == 0 {
			t.Errorf("%s %s lacks its undo, reason, target or step: %+v", a.Verb, a.Target, a)
		}
	}
}

func TestEveryCodeIsReached(t *testing.T) {
	// These are for those who check decisions, pull requests and the branch: Refused is told of them.
	reached := map[phase.Code]bool{phase.Breached: true, phase.MarkerElsewhere: true, phase.MarkerLost: true, phase.BranchUnusable: true}
	waits := maps.Clone(reached)
	for _, tt := range scenes {
		m, e := tt.set()
		d := phase.Next(m, tt.at, &e, t0)
		reached[d.Reason.Code] = true
		if d.Kind == phase.Hold || d.Kind == phase.Refuse {
			waits[d.Reason.Code] = true
		}
	}
	for _, code := range phase.Codes {
		if !reached[code] {
			t.Errorf("no scene gives %s", code)
		}
		if code.Waits() && !waits[code] {
			t.Errorf("%s waits, and no scene waits for it", code)
		}
	}
	if len(slices.Compact(slices.Sorted(slices.Values(phase.Codes)))) != len(phase.Codes) {
		t.Error("a code is listed twice")
	}
}

var markerScenes = []scene{
	{"no marker: prepare is to be proposed", nowhere, with(func(e *evidence.Evidence) { e.Marker = evidence.Marker{} }), "advance step 0: marker-missing"},
	{"the marker was deleted", nowhere, nil, "refuse step 0: marker-missing"},
	{"a phase without steps", cutover, nil, "refuse step 0: phase-unknown"},
	{"pushed marker", prepare, with(func(e *evidence.Evidence) { e.Marker.Reviewed = false }), "refuse step 0: marker-pushed"},
	{"marker without trailer", prepare, with(func(e *evidence.Evidence) { e.Marker.Trailer = "" }), "refuse step 0: marker-trailer"},
	{"trailer of another phase", prepare, with(func(e *evidence.Evidence) { e.Marker.Trailer = "deploy" }), "refuse step 0: marker-trailer"},
	{"marker in a mixed commit", prepare, with(func(e *evidence.Evidence) { e.Marker.Others = []string{"README.md"} }), "refuse step 0: marker-mixed"},
	{"marker skips prepare", deploy, after(nowhere), "refuse step 0: marker-skips"},
	{"marker skips freeze", canary(1), also(after(deploy), unbaked), "refuse step 0: marker-skips"},
	{"marker skips a weight", canary(25), also(after(canary(1)), unbaked), "refuse step 0: marker-skips until +2s"},
	{"weights may be skipped where the edge goes on by itself", canary(25), also(after(freeze), auto), "advance step 0: complete until +2s"},
	{"but not the freeze", canary(25), also(after(deploy), auto, unbaked), "refuse step 0: marker-skips"},
	{"a weight off the list", canary(7), also(after(canary(5)), unbaked), "refuse step 0: weight-unknown until +2s"},
	{"canary without a weight", canary(0), after(freeze), "refuse step 0: weight-unknown"},
	{"a weight outside canary", estate.Marker{Phase: estate.Freeze, Weight: 5}, also(after(deploy), unbaked), "refuse step 0: weight-unknown"},
	{"back by one phase", prepare, after(deploy), "advance step 0: complete"},
	{"back by all", prepare, after(canary(100)), "advance step 0: complete"},
	{"the same again", deploy, after(deploy), "advance step 0: complete"},
	{"paused", paused(deploy), also(after(deploy), services(service("web", estate.Stateless))), "hold step 0: paused"},
	{"another attempt", again(deploy), after(deploy), "advance step 0: complete"},
	{"paused, it is still that attempt", paused(again(deploy)), after(again(deploy)), "hold step 0: paused"},
	{"any higher one", estate.Marker{Phase: estate.Deploy, Attempt: 7}, after(again(deploy)), "advance step 0: complete"},
	{"attempts count up", again(deploy), after(again(again(deploy))), "refuse step 0: marker-attempt"},
	{"nor may one be left out once it is there", deploy, after(again(deploy)), "refuse step 0: marker-attempt"},
	{"the next checkpoint is no other attempt", again(deploy), after(prepare), "refuse step 0: marker-attempt"},
	{"it begins anew", deploy, after(again(prepare)), "advance step 0: complete"},
	{"an earlier checkpoint may be as it was left", again(prepare), after(deploy), "advance step 0: complete"},
	{"an attempt at a weight off the list", again(canary(7)), also(after(canary(5)), unbaked), "refuse step 0: weight-unknown until +2s"},

	{"the host's button to revert writes no trailer", prepare, also(after(deploy), reverted), "advance step 0: complete"},
	{"nor need that of a weight have one", canary(1), also(after(canary(25)), reverted), "advance step 0: complete until +2s"},
	{"whatever it says instead", prepare, also(after(deploy), reverted, with(func(e *evidence.Evidence) { e.Marker.Trailer = "deploy" })), "advance step 0: complete"},
	{"by a pull request only", prepare, also(after(deploy), reverted, with(func(e *evidence.Evidence) { e.Marker.PullRequest = 0 })), "refuse step 0: marker-trailer"},
	{"to revert that again is a move forward", deploy, also(after(prepare), reverted), "refuse step 0: marker-trailer"},
	{"to revert a pause is none back", deploy, also(after(paused(deploy)), reverted), "refuse step 0: marker-trailer"},
	{"a revert comes alone, too", prepare, also(after(deploy), reverted, with(func(e *evidence.Evidence) { e.Marker.Others = []string{"README.md"} })), "refuse step 0: marker-mixed"},
	{"resumed", deploy, also(after(paused(deploy)), services(service("web", estate.Stateless))), "do step 6: deploying\n  deploy orbit/core/web [cutover.web.d1.1]"},
}

// again is the next attempt at a marker's checkpoint.
func again(at estate.Marker) estate.Marker { return phase.Again(at) }

// reverted is a marker that a host's button brought, which knows of no trailers.
var reverted = with(func(e *evidence.Evidence) { e.Marker.Trailer, e.Marker.PullRequest = "", 12 })

// after says which marker counted before.
func after(at estate.Marker) func(*estate.Migration, *evidence.Evidence) {
	return with(func(e *evidence.Evidence) { e.Marker.Before = at })
}

func auto(m *estate.Migration, _ *evidence.Evidence) { m.Edge.Auto = true }

func TestCheckpoints(t *testing.T) {
	m := migration()
	want := []string{"prepare", "deploy", "freeze", "canary 1%", "canary 5%", "canary 25%", "canary 100%"}
	var got []string
	for at, ok := phase.Following(m, nowhere); ok; at, ok = phase.Following(m, at) {
		got = append(got, phase.Title(at))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("checkpoints (-want +got):\n%s", diff)
	}
	if at, _ := phase.Following(m, paused(deploy)); at != freeze {
		t.Errorf("after deploy, paused, comes %s", at)
	}
	if got := phase.Title(paused(again(again(canary(5))))); got != "canary 5%, attempt 3, paused" {
		t.Errorf("the title of a third attempt is %q", got)
	}
	for _, at := range phase.Checkpoints(m) {
		if phase.ReversibilityOf(at.Phase) != phase.Reversible {
			t.Errorf("%s is %s", at, phase.ReversibilityOf(at.Phase))
		}
	}
}

func TestOverview(t *testing.T) {
	m := migration()
	e := complete(m, deploy)
	e.Services = []evidence.Service{
		service("web", estate.Stateless, done), service("match", estate.Singleton),
		service("api", estate.StatefulClient), service("push", estate.Exclusive),
	}
	rows := phase.Overview(m, deploy, &e, t0)
	if len(rows) != 15 {
		t.Fatalf("%d rows, want the runbook's first 15 steps", len(rows))
	}
	if row := rows[5]; row.Number != 6 || row.Done != 1 || row.Total != 3 || row.Complete {
		t.Errorf("step 6 = %+v; want 1 of 3, not complete", row)
	}
	for i, row := range rows {
		if row.Number != i+1 || row.Title == "" || row.Phase > estate.Deploy && row.Complete {
			t.Errorf("row %d = %+v", i, row)
		}
	}
	e = complete(m, canary(5))
	rows = phase.Overview(m, canary(5), &e, t0)
	if weights := rows[13]; weights.Done != 2 || weights.Total != 2 || !weights.Complete || rows[14].Complete {
		t.Errorf("steps 14 and 15 at 5%% = %+v, %+v", rows[13], rows[14])
	}
	rows = phase.Overview(m, freeze, &e, t0)
	if rows[13].Waiting == "" || rows[12].Waiting == "" {
		t.Errorf("a rollback does not say what it undoes: %+v, %+v", rows[12], rows[13])
	}
}

func TestCorrelationRoundTrip(t *testing.T) {
	want := phase.Correlation{Service: id("api").Name, Digest: "abc123", Number: 7}
	if got, ok := phase.ParseCorrelation(want.String()); !ok || got != want {
		t.Errorf("ParseCorrelation(%q) = %v, %v", want, got, ok)
	}
	for _, foreign := range []string{"", "cutover.api.abc", "cutover.API.abc.1", "cutover.api.abc.0", "cutover.api.abc.x", "other.api.abc.1", "cutover.api..1"} {
		if got, ok := phase.ParseCorrelation(foreign); ok {
			t.Errorf("ParseCorrelation(%q) = %v, want not ours", foreign, got)
		}
	}
}
