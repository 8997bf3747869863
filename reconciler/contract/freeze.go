package contract

import (
	"testing"
	"time"

	"cutover/generator/pipeline"
	"cutover/reconciler/failure"
)

// freeze saves d as it is stored, frozen.
func (s suite) freeze(t *testing.T, d pipeline.Document) pipeline.Document {
	t.Helper()
	frozen := pipeline.Freeze(s.stored(t, s.store, d), "product orbit moves to another cluster")
	if err := s.store.Save(t.Context(), frozen); err != nil {
		t.Fatal(err)
	}
	return frozen
}

func (s suite) frozen(t *testing.T) {
	d := s.create(t, "deploy", map[string]any{"description": "Deploys it"})
	s.freeze(t, d)
	have := s.stored(t, s.open(t), d)
	if reason, frozen, tampered := pipeline.FrozenBy(have); reason == "" || !frozen || tampered {
		t.Errorf("FrozenBy = %q, %t, %t", reason, frozen, tampered)
	}
	_, err := s.store.Trigger(t.Context(), s.trigger(d))
	wantError(t, err, failure.ErrRefused)
	recent, err := s.store.Recent(t.Context(), s.application, d.ID(), 5)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range recent { // Orca records that somebody tried
		if x.Status != pipeline.Terminal || !x.Started.IsZero() {
			t.Errorf("it ran: %+v", x)
		}
	}

	have["disabled"] = false // by hand
	if err := s.store.Save(t.Context(), have); err != nil {
		t.Fatal(err)
	}
	if _, frozen, tampered := pipeline.FrozenBy(s.stored(t, s.store, d)); !frozen || !tampered {
		t.Errorf("of an enabled one FrozenBy = %t, %t", frozen, tampered)
	}
	s.freeze(t, d)
	_, err = s.store.Trigger(t.Context(), s.trigger(d))
	wantError(t, err, failure.ErrRefused)
}

func (s suite) thawed(t *testing.T) {
	for name, fields := range map[string]map[string]any{
		"plain":    nil,
		"disabled": {"disabled": true, "description": ""},
		"locked":   {"disabled": false, "locked": map[string]any{"ui": true, "allowUnlockUi": true, "description": "ours"}, "description": "Deploys it"},
	} {
		d := s.create(t, name, fields)
		s.freeze(t, d)
		thawed, was := pipeline.Thaw(s.stored(t, s.store, d))
		if !was {
			t.Fatalf("%s: it was not frozen", name)
		}
		if err := s.store.Save(t.Context(), thawed); err != nil {
			t.Fatal(err)
		}
		s.same(t, d)
		id, err := s.store.Trigger(t.Context(), s.trigger(d))
		if name == "disabled" {
			wantError(t, err, failure.ErrRefused)
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s.wait(t, id)
	}
}

func (s suite) unmarked(t *testing.T) {
	d := s.create(t, "deploy", nil)
	theirs := pipeline.Document{}
	for key, value := range s.stored(t, s.store, d) {
		if key != "cutover" {
			theirs[key] = value
		}
	}
	wantError(t, s.store.Save(t.Context(), theirs), failure.ErrRefused)
	other := pipeline.Mark(theirs, pipeline.Ownership{Estate: "x", Product: "x", Namespace: "x", Service: "x", Stack: "x", Template: "x"})
	wantError(t, s.store.Save(t.Context(), pipeline.Freeze(other, "moving")), failure.ErrRefused)
	s.same(t, d)
}

func (s suite) running(t *testing.T) {
	wait := func(seconds int) map[string]any {
		return map[string]any{"stages": []any{map[string]any{"refId": "1", "type": "wait", "name": "Wait", "waitTime": seconds, "requisiteStageRefIds": []any{}}}}
	}
	quick, slow := s.create(t, "quick", wait(0)), s.create(t, "slow", wait(2))
	ended, err := s.store.Trigger(t.Context(), s.trigger(quick))
	if err != nil {
		t.Fatal(err)
	}
	s.wait(t, ended)
	trigger := s.trigger(slow)
	trigger.CorrelationID += ".slow"
	id, err := s.store.Trigger(t.Context(), trigger)
	if err != nil {
		t.Fatal(err)
	}
	running, err := s.open(t).Running(t.Context(), s.application)
	if err != nil || len(running) != 1 {
		t.Fatalf("Running = %v, %v, want one", running, err)
	}
	x := running[0]
	want := pipeline.Execution{ID: id, Application: s.application, PipelineID: slow.ID(), CorrelationID: trigger.CorrelationID, Status: x.Status, Started: x.Started}
	if x != want || x.Status.Complete() {
		t.Errorf("Running = %+v, want %+v", x, want)
	}
	if x = s.wait(t, id); x.Ended.Sub(x.Started) < time.Second {
		t.Errorf("it waited from %s to %s only", x.Started, x.Ended)
	}
	if running, err = s.store.Running(t.Context(), s.application); err != nil || len(running) > 0 {
		t.Errorf("Running after the end = %v, %v, want none", running, err)
	}
}

func (s suite) runsNothing(t *testing.T) {
	running, err := s.store.Running(t.Context(), s.application+"x")
	if err != nil || len(running) > 0 {
		t.Errorf("Running = %v, %v, want none", running, err)
	}
}
