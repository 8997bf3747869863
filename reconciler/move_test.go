package reconciler_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler"
	"cutover/reconciler/phase"
	"cutover/reconciler/world"
)

// TestMoves asks for every move wherever a migration can stand, without its daemon: each opens a pull request, or says why
// there is none.
func TestMoves(t *testing.T) {
	t.Parallel()
	back := func(p estate.Phase, weight int) reconciler.Move {
		return reconciler.Move{Back: &estate.Marker{Phase: p, Weight: weight}}
	}
	advance, pause, resume := reconciler.Move{Advance: true}, reconciler.Move{Pause: "lunch"}, reconciler.Move{Resume: true}
	type row struct {
		name  string
		move  reconciler.Move
		title string // of the pull request
		says  string // the error
		input bool   // it is the fault of what was given
	}
	atCanary := []row{
		{"back", back(estate.Canary, 1), "eks: canary 1%", "", false},
		{"far back", back(estate.Prepare, 0), "eks: prepare", "", false},
		{"to no step", back(estate.Canary, 7), "", "names a weight of 7%", true},
		{"to a later phase", back(estate.Swap, 0), "", "has no steps for phase swap", true},
		{"forward by rollback", back(estate.Canary, 100), "", "is not behind canary 25%", false},
	}
	goesOn := func(tr *trip) {
		tr.until("it goes on", time.Hour, func() bool { return tr.last.Decision.Kind == phase.Advance })
	}
	const service = "deploy-values/orbit/web/profile/service.yaml"
	tr := newCanary(t)
	good := string(tr.w.File(migrationBranch, service))
	for _, state := range []struct {
		name       string
		begin, end func(*trip)
		rows       []row
	}{
		{"complete", func(*trip) {}, func(*trip) {}, append([]row{
			{"on", advance, "eks: canary 100%", "", false},
			{"pause", pause, "eks: canary 25%, paused", "", false},
			{"resume", resume, "", "eks is not paused", false},
			{"where it is", back(estate.Canary, 25), "", "is not behind", false},
		}, atCanary...)},
		{"paused", func(tr *trip) {
			tr.moved(pause)
			tr.until("it is paused", time.Minute, tr.decides(phase.Paused))
		}, func(tr *trip) {
			tr.moved(resume)
			goesOn(tr)
		}, append([]row{
			{"on", advance, "", "canary 25%, paused is not complete: paused at canary 25%: lunch", false},
			{"pause for the same reason", pause, "", "eks is paused already", false},
			{"pause for another reason", reconciler.Move{Pause: "dinner"}, "eks: canary 25%, paused", "", false},
			{"resume", resume, "eks: canary 25%", "", false},
		}, atCanary[:4]...)},
		{"refused", func(tr *trip) {
			tr.push(markerPath, "phase: canary\nweight: 100\n")
			tr.until("it is refused", time.Minute, tr.decides(phase.MarkerPushed))
		}, func(tr *trip) {
			tr.moved(back(estate.Canary, 25))
			goesOn(tr)
		}, append([]row{
			{"on", advance, "", "is not complete: nothing shows that marker canary 100%", false},
			{"pause", pause, "eks: canary 25%, paused", "", false},
			{"resume", resume, "", "eks is not paused", false},
			{"where it is", back(estate.Canary, 25), "eks: canary 25%", "", false},
		}, atCanary...)},
		{"refused, with the same marker", func(tr *trip) {
			tr.push(markerPath, "# mine\nphase: canary\nweight: 25\n")
			tr.push(markerPath, "phase: canary\nweight: 25\n")
			tr.until("it is refused", time.Minute, tr.decides(phase.MarkerPushed))
		}, func(tr *trip) {
			tr.moved(pause)
			tr.until("it is paused", time.Minute, tr.decides(phase.Paused))
			tr.moved(resume)
			goesOn(tr)
		}, []row{
			{"where it is", back(estate.Canary, 25), "", "says already: canary 25%; propose another marker first", false},
			{"pause", pause, "eks: canary 25%, paused", "", false},
		}},
		{"unusable", func(tr *trip) {
			tr.push(service, "}}\n")
			tr.until("it is told", time.Minute, tr.decides(phase.BranchUnusable))
		}, func(tr *trip) {
			tr.push(service, good)
			goesOn(tr)
		}, append([]row{
			{"on", advance, "", service + ":1:", false},
			{"pause", pause, "eks: canary 25%, paused", "", false},
		}, atCanary...)},
		{"failed", func(tr *trip) {
			p, _ := tr.open("canary 100%")
			tr.mergeBy(p.Number, world.MergeCommit)
			tr.until("the weight is set", time.Hour, tr.at(100))
			tr.w.Ail(tr.w.Migration().To.Cluster, world.Illness{Errors: 0.5})
			tr.until("it fails", time.Hour, tr.decides(phase.WeightFailed))
		}, func(*trip) {}, []row{
			{"on", advance, "eks: canary 100%, attempt 2", "", false},
			{"pause", pause, "eks: canary 100%, paused", "", false},
			{"back", back(estate.Canary, 25), "eks: canary 25%", "", false},
		}},
	} {
		state.begin(tr)
		for _, row := range state.rows {
			p, err := on(t, tr.w.Another()).Propose(t.Context(), tr.w.Heads(), "eks", row.move)
			var misnamed *reconciler.MisnamedError
			switch {
			case row.says == "" && (err != nil || p.Title != row.title || p.Base != migrationBranch):
				t.Errorf("%s, %s: pull request %q into %s, error %v; want %q", state.name, row.name, p.Title, p.Base, err, row.title)
			case row.says != "" && (err == nil || !strings.Contains(err.Error(), row.says) || errors.As(err, &misnamed) != row.input):
				t.Errorf("%s, %s: %q, error %v; want %q", state.name, row.name, p.Title, err, row.says)
			}
		}
		state.end(tr)
	}
}

// moved lets a person propose a move, and merge it.
func (tr *trip) moved(move reconciler.Move) {
	tr.Helper()
	p, err := on(tr.T, tr.w.Another()).Propose(tr.Context(), tr.w.Heads(), "eks", move)
	if err != nil {
		tr.Fatal(err)
	}
	tr.mergeBy(p.Number, world.MergeCommit)
}

// TestMoveOfNoMigration names those that there are.
func TestMoveOfNoMigration(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	var misnamed *reconciler.MisnamedError
	_, err := tr.r.Propose(t.Context(), tr.w.Heads(), "esk", reconciler.Move{Advance: true})
	if !errors.As(err, &misnamed) || !strings.HasSuffix(err.Error(), "no branch migration/esk: its migrations are eks") {
		t.Errorf("got %v", err)
	}
}

// TestAdvanceWithAuto: the command and the daemon propose the same, where the edge goes on by itself.
func TestAdvanceWithAuto(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	const path = "migrations/eks/migration.yaml"
	spec := string(tr.w.File(migrationBranch, path))
	tr.push(path, strings.Replace(spec, "edge:\n", "edge:\n  auto: true\n", 1))
	for _, checkpoint := range []string{"prepare", "deploy", "freeze"} {
		tr.through(checkpoint)
	}
	tr.pass()
	ours, ok := tr.open("canary 100%")
	p, err := on(t, tr.w.Another()).Propose(t.Context(), tr.w.Heads(), "eks", reconciler.Move{Advance: true})
	if err != nil || !ok || p.Number != ours.Number {
		t.Errorf("the daemon proposes #%d, the command #%d %s: %v", ours.Number, p.Number, p.Title, err)
	}
}
