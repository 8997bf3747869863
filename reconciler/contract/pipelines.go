package contract

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"cutover/generator/pipeline"
	"cutover/reconciler/failure"
)

// PipelineStore is Spinnaker as the reconciler uses it.
type PipelineStore interface {
	EnsureApplication(ctx context.Context, a pipeline.Application) (created bool, err error)
	Pipelines(ctx context.Context, application string) ([]pipeline.Document, error)
	Save(ctx context.Context, d pipeline.Document) error
	Delete(ctx context.Context, d pipeline.Document) error
	Trigger(ctx context.Context, t pipeline.Trigger) (executionID string, err error)
	Recent(ctx context.Context, application, pipelineID string, limit int) ([]pipeline.Execution, error)
	Execution(ctx context.Context, id string) (pipeline.Execution, error)
	Running(ctx context.Context, application string) ([]pipeline.Execution, error)
}

// Pipelines holds an implementation to the contract of the reconciler's ports Applications, Pipelines and
// Executions. Each call of open must give a store that works on the same Spinnaker as the others of the test,
// as another replica would. Names are unique, so that Spinnaker may be shared with other tests.
func Pipelines(t *testing.T, open func(t *testing.T) PipelineStore) {
	for name, check := range map[string]func(suite, *testing.T){
		"an application is created once":                  suite.applicationOnce,
		"an unknown application has no pipelines":         suite.unknownApplication,
		"what is saved is read":                           suite.savedIsRead,
		"saving again changes it":                         suite.savedAgain,
		"a change by someone else is a conflict":          suite.conflict,
		"a pipeline that was not read is not overwritten": suite.unread,
		"an id of another application is refused":         suite.foreignID,
		"a name in another case is refused":               suite.nameInAnotherCase,
		"deleting is safe to repeat":                      suite.deleted,
		"deleting asks for the mark":                      suite.deletedWithoutMark,
		"a trigger makes one execution":                   suite.triggered,
		"a trigger of nothing is not found":               suite.triggeredNothing,
		"a missing parameter is refused":                  suite.missingParameter,
		"a failure has a reason":                          suite.failed,
		"an unknown execution is not found":               suite.unknownExecution,
		"a frozen pipeline does not start":                suite.frozen,
		"a thawed pipeline is what it was":                suite.thawed,
		"a pipeline without our mark is not overwritten":  suite.unmarked,
		"what runs is listed until it has ended":          suite.running,
		"an unknown application runs nothing":             suite.runsNothing,
	} {
		t.Run(name, func(t *testing.T) {
			application := "contract" + uuid.NewString()[:8]
			check(suite{application, open, open(t)}, t)
		})
	}
}

type suite struct {
	application string
	open        func(*testing.T) PipelineStore
	store       PipelineStore
}

// create makes the application and saves a pipeline that waits for nothing, but for the given fields.
func (s suite) create(t *testing.T, name string, fields map[string]any) pipeline.Document {
	t.Helper()
	if _, err := s.store.EnsureApplication(t.Context(), pipeline.Application{Name: s.application, Email: "cutover@example.com"}); err != nil {
		t.Fatal(err)
	}
	d := s.document(name, fields)
	if err := s.store.Save(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return d
}

func (s suite) document(name string, fields map[string]any) pipeline.Document {
	d := pipeline.Document{
		"id":          pipeline.ID("contract", s.application, name),
		"application": s.application,
		"name":        name,
		"stages":      []any{map[string]any{"refId": "1", "type": "wait", "name": "Wait", "waitTime": 0, "requisiteStageRefIds": []any{}}},
	}
	for key, value := range fields {
		d[key] = value
	}
	return pipeline.Mark(d, pipeline.Ownership{
		Estate: "contract", Product: "orbit", Namespace: "core", Service: s.application, Stack: "prod2", Template: name,
	})
}

// stored is the application's pipeline of d's id, or nil.
func (s suite) stored(t *testing.T, store PipelineStore, d pipeline.Document) pipeline.Document {
	t.Helper()
	list, err := store.Pipelines(t.Context(), s.application)
	if err != nil {
		t.Fatal(err)
	}
	for _, have := range list {
		if have.ID() == d.ID() {
			return have
		}
	}
	return nil
}

// same fails the test unless d is what is stored.
func (s suite) same(t *testing.T, d pipeline.Document) {
	t.Helper()
	want, err := pipeline.Normalize(d)
	if err != nil {
		t.Fatal(err)
	}
	if diff := pipeline.Diff(want, s.stored(t, s.open(t), d)); diff != "" {
		t.Errorf("the stored pipeline differs:\n%s", diff)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error is %v, want one that is %v", err, want)
	}
}

func (s suite) applicationOnce(t *testing.T) {
	a := pipeline.Application{Name: s.application, Email: "cutover@example.com"}
	for i, want := range []bool{true, false, false} {
		created, err := s.open(t).EnsureApplication(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		if created != want {
			t.Errorf("call %d: created = %t, want %t", i+1, created, want)
		}
	}
	_, err := s.store.EnsureApplication(t.Context(), pipeline.Application{Name: s.application + "x"})
	wantError(t, err, failure.ErrRefused)
}

func (s suite) unknownApplication(t *testing.T) {
	list, err := s.store.Pipelines(t.Context(), s.application)
	if err != nil || len(list) > 0 {
		t.Errorf("Pipelines = %v, %v, want none", list, err)
	}
}

func (s suite) savedIsRead(t *testing.T) {
	d := s.create(t, "deploy prod2", map[string]any{
		"description":      `<b>"quoted" & ${parameters["version"]}</b>`,
		"limitConcurrent":  true,
		"large":            1234567890123,
		"fraction":         0.1,
		"parameterConfig":  []any{map[string]any{"name": "version", "required": true}},
		"expectedArtifact": nil,
	})
	s.same(t, d)
	got := s.stored(t, s.store, d)
	want, _ := pipeline.OwnedBy(d)
	if mark, ok := pipeline.OwnedBy(got); !ok || mark != want {
		t.Errorf("mark = %v, want %v", mark, want)
	}
}

func (s suite) savedAgain(t *testing.T) {
	d := s.create(t, "deploy", nil)
	d["description"] = "changed"
	for range 2 {
		if err := s.store.Save(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	s.same(t, d)
	d["name"] = "renamed"
	if err := s.store.Save(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	s.same(t, d)
}

func (s suite) conflict(t *testing.T) {
	d := s.create(t, "deploy", nil)
	other := s.open(t)
	theirs := s.stored(t, other, d)
	theirs["description"] = "by hand"
	if err := other.Save(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	d["description"] = "ours"
	wantError(t, s.store.Save(t.Context(), d), failure.ErrConflict)
	if got := s.stored(t, s.store, d)["description"]; got != "by hand" {
		t.Errorf("description = %v, want theirs", got)
	}
	if err := s.store.Save(t.Context(), d); err != nil {
		t.Errorf("after it was read again: %v", err)
	}
}

func (s suite) unread(t *testing.T) {
	d := s.create(t, "deploy", nil)
	wantError(t, s.open(t).Save(t.Context(), d), failure.ErrConflict)
}

func (s suite) foreignID(t *testing.T) {
	d := s.create(t, "deploy", nil)
	taken := s.document("deploy", nil)
	taken["application"] = s.application + "x"
	wantError(t, s.store.Save(t.Context(), taken), failure.ErrRefused)
	s.same(t, d)
}

func (s suite) nameInAnotherCase(t *testing.T) {
	s.create(t, "deploy", nil)
	wantError(t, s.store.Save(t.Context(), s.document("Deploy", nil)), failure.ErrRefused)
}

func (s suite) deleted(t *testing.T) {
	d, kept := s.create(t, "deploy", nil), s.create(t, "keep / this one", nil)
	for range 2 {
		if err := s.store.Delete(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if s.stored(t, s.store, d) != nil {
		t.Error("it is still there")
	}
	s.same(t, kept)
}

func (s suite) deletedWithoutMark(t *testing.T) {
	d := s.create(t, "deploy", nil)
	other := pipeline.Mark(d, pipeline.Ownership{Estate: "x", Product: "x", Namespace: "x", Service: "x", Stack: "x", Template: "x"})
	wantError(t, s.store.Delete(t.Context(), other), failure.ErrRefused)
	renamed := s.document("deploy", map[string]any{"name": "another"})
	wantError(t, s.store.Delete(t.Context(), renamed), failure.ErrRefused)
	s.same(t, d)
}

func (s suite) trigger(d pipeline.Document) pipeline.Trigger {
	return pipeline.Trigger{
		Application: s.application, PipelineID: d.ID(), CorrelationID: fmt.Sprintf("cutover.%s.1", s.application),
		Parameters: map[string]string{"version": "1.4.2"},
	}
}

// wait returns the execution once it has ended.
func (s suite) wait(t *testing.T, id string) pipeline.Execution {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		x, err := s.store.Execution(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if x.Status.Complete() {
			return x
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s suite) triggered(t *testing.T) {
	d := s.create(t, "deploy", map[string]any{"parameterConfig": []any{map[string]any{"name": "version", "required": true}}})
	trigger := s.trigger(d)
	if recent, err := s.store.Recent(t.Context(), s.application, d.ID(), 5); err != nil || len(recent) > 0 {
		t.Fatalf("Recent before = %v, %v, want none", recent, err)
	}
	id, err := s.store.Trigger(t.Context(), trigger)
	if err != nil {
		t.Fatal(err)
	}
	x := s.wait(t, id)
	want := pipeline.Execution{ID: id, Application: s.application, PipelineID: d.ID(), CorrelationID: trigger.CorrelationID, Status: pipeline.Succeeded, Started: x.Started, Ended: x.Ended}
	if x != want {
		t.Errorf("execution = %+v, want %+v", x, want)
	}
	if x.Started.IsZero() || x.Ended.Before(x.Started) {
		t.Errorf("it ran from %s to %s", x.Started, x.Ended)
	}
	second := trigger
	second.CorrelationID += "1"
	newest, err := s.store.Trigger(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	s.wait(t, newest)
	recent, err := s.open(t).Recent(t.Context(), s.application, d.ID(), 5)
	if err != nil || len(recent) != 2 || recent[0].ID != newest || recent[1] != want {
		t.Errorf("Recent = %v, %v, want the second and the first", recent, err)
	}
	if recent, err = s.store.Recent(t.Context(), s.application, d.ID(), 1); err != nil || len(recent) != 1 {
		t.Errorf("Recent of 1 = %v, %v", recent, err)
	}
}

func (s suite) triggeredNothing(t *testing.T) {
	_, err := s.store.Trigger(t.Context(), s.trigger(s.document("deploy", nil)))
	wantError(t, err, failure.ErrNotFound)
}

func (s suite) missingParameter(t *testing.T) {
	d := s.create(t, "deploy", map[string]any{"parameterConfig": []any{map[string]any{"name": "ticket", "required": true}}})
	_, err := s.store.Trigger(t.Context(), s.trigger(d))
	wantError(t, err, failure.ErrRefused)
}

func (s suite) failed(t *testing.T) {
	d := s.create(t, "deploy", map[string]any{"stages": []any{map[string]any{
		"refId": "1", "type": "checkPreconditions", "name": "Not frozen", "requisiteStageRefIds": []any{},
		"preconditions": []any{map[string]any{"type": "expression", "failPipeline": true, "context": map[string]any{"expression": "false"}}},
	}}})
	id, err := s.store.Trigger(t.Context(), s.trigger(d))
	if err != nil {
		t.Fatal(err)
	}
	x := s.wait(t, id)
	if x.Status != pipeline.Terminal || x.Reason == "" {
		t.Errorf("status %s, reason %q, want TERMINAL and a reason", x.Status, x.Reason)
	}
}

func (s suite) unknownExecution(t *testing.T) {
	_, err := s.store.Execution(t.Context(), "01ARZ3NDEKTSV4RRFFQ69G5FAV")
	wantError(t, err, failure.ErrNotFound)
}
