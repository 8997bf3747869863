package gate

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cutover/generator/pipeline"
	"cutover/reconciler/failure"
)

func TestExecution(t *testing.T) {
	f := newFake(t, map[string]http.HandlerFunc{
		"GET /pipelines/01J": inTurn(emptyAnswer, say(200, `{"id":"01J","application":"api","pipelineConfigId":"id-1","status":"SUCCEEDED",
			"buildTime":1000,"startTime":1500,"endTime":1700000000123,"trigger":{"correlationId":"c","parameters":{}},"stages":[]}`)),
		"GET /pipelines/01K": say(404, `{"status":404,"message":"Pipeline not found (id: 01K)"}`),
	})
	client := f.client(t, "")
	got, err := client.Execution(t.Context(), "01J") // Gate swallows an error of Orca: an empty 200 comes first
	if err != nil {
		t.Fatal(err)
	}
	want := pipeline.Execution{ID: "01J", Application: "api", PipelineID: "id-1", CorrelationID: "c", Status: pipeline.Succeeded,
		Started: time.UnixMilli(1500).UTC(), Ended: time.UnixMilli(1700000000123).UTC()}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := client.Execution(t.Context(), "01K"); !errors.Is(err, failure.ErrNotFound) || !strings.Contains(err.Error(), "id: 01K") {
		t.Errorf("error = %v", err)
	}
}

func TestEnded(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		want int64 // milliseconds since 1970; 0 is never
	}{
		"ended":       {`{"status":"SUCCEEDED","buildTime":1,"startTime":2,"endTime":3}`, 3},
		"without end": {`{"status":"TERMINAL","buildTime":1,"startTime":2}`, 2},
		"never began": {`{"status":"CANCELED","buildTime":1,"startTime":null,"endTime":null}`, 1},
		"running":     {`{"status":"RUNNING","buildTime":1,"startTime":2}`, 0},
		"not started": {`{"status":"NOT_STARTED","buildTime":1}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, map[string]http.HandlerFunc{"GET /pipelines/01J": say(200, tt.body)})
			got, err := f.client(t, "").Execution(t.Context(), "01J")
			if want := atMillis(tt.want); err != nil || !got.Ended.Equal(want) {
				t.Errorf("ended = %s, %v, want %s", got.Ended, err, want)
			}
		})
	}
}

func TestReason(t *testing.T) {
	for name, tt := range map[string]struct{ body, want string }{
		"succeeded": {`{"status":"SUCCEEDED","stages":[{"status":"FAILED_CONTINUE","name":"Bake","context":{"exception":{"details":{"errors":["x"]}}}}]}`, ""},
		"running":   {`{"status":"RUNNING","stages":[{"status":"TERMINAL","name":"Bake"}]}`, ""},
		"exception": {`{"status":"TERMINAL","stages":[{"status":"SUCCEEDED","name":"Bake"},
			{"status":"TERMINAL","name":"Deploy","context":{"exception":{"details":{"error":"Unexpected Task Failure","errors":["Deploy failed\n for manifest","and more"]}}}}]}`,
			"Deploy: Deploy failed for manifest; and more"},
		"only an error": {`{"status":"TERMINAL","stages":[{"status":"TERMINAL","name":"Deploy","context":{"exception":{"details":{"error":"boom"}}}}]}`, "Deploy: boom"},
		"in a child stage": {`{"status":"TERMINAL","stages":[{"id":"1","status":"TERMINAL","name":"Checks"},
			{"id":"2","parentStageId":"1","status":"TERMINAL","name":"Check precondition (expression)","context":{"exception":{"details":{"errors":["frozen"]}}}}]}`, "Checks: frozen"},
		"clouddriver": {`{"status":"TERMINAL","stages":[{"status":"TERMINAL","name":"Deploy","context":{"kato.tasks":[{},{"exception":{"message":"no quota"}}]}}]}`, "Deploy: no quota"},
		"canceled":    {`{"status":"CANCELED","cancellationReason":"wrong\nversion","stages":[{"status":"CANCELED","name":"Wait"}]}`, "wrong version"},
		"never began": {`{"status":"TERMINAL","cancellationReason":"Failed on startup: no such artifact","stages":[]}`, "Failed on startup: no such artifact"},
		"wordless":    {`{"status":"TERMINAL","stages":[{"status":"TERMINAL","name":"Deploy"}]}`, "Deploy: failed without a message"},
		"of no stage": {`{"status":"TERMINAL"}`, "no stage says why"},
		"own parent":  {`{"status":"TERMINAL","stages":[{"id":"1","parentStageId":"1","status":"TERMINAL","name":"Odd","context":{"exception":"text"}}]}`, "Odd: failed without a message"},
		"long":        {`{"status":"CANCELED","cancellationReason":"` + strings.Repeat("é", 400) + `"}`, strings.Repeat("é", 250) + "..."},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, map[string]http.HandlerFunc{"GET /pipelines/01J": say(200, tt.body)})
			got, err := f.client(t, "").Execution(t.Context(), "01J")
			if err != nil || got.Reason != tt.want {
				t.Errorf("reason = %q, %v, want %q", got.Reason, err, tt.want)
			}
		})
	}
}

func TestListsOfOddShape(t *testing.T) {
	f := newFake(t, map[string]http.HandlerFunc{
		"GET /applications/odd/pipelineConfigs":  say(200, `["text"]`),
		"GET /applications/none/pipelineConfigs": noPipeline,
		"GET /executions":                        inTurn(say(200, `[{"id":7}]`), noPipeline),
	})
	client := f.client(t, "")
	if _, err := client.Pipelines(t.Context(), "odd"); !errors.Is(err, failure.ErrRefused) {
		t.Errorf("error = %v", err)
	}
	if list, err := client.Pipelines(t.Context(), "none"); err != nil || len(list) > 0 {
		t.Errorf("Pipelines = %v, %v, want none", list, err)
	}
	if _, err := client.Recent(t.Context(), "api", "id-1", 3); !errors.Is(err, failure.ErrRefused) {
		t.Errorf("error = %v", err)
	}
	if list, err := client.Recent(t.Context(), "api", "id-1", 3); err == nil { // it would be deployed again
		t.Errorf("Recent = %v, want an error", list)
	}
}
