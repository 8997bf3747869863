package spinnaker

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cutover/generator/pipeline"
)

// wait is a stage that ends at once.
func wait(ref string, after ...any) map[string]any {
	return map[string]any{"refId": ref, "name": ref, "type": "wait", "waitTime": 0, "requisiteStageRefIds": append([]any{}, after...)}
}

// fails is a stage that fails, with the given fields.
func fails(ref string, fields map[string]any, after ...any) map[string]any {
	st := map[string]any{"refId": ref, "name": ref, "type": "unheardOf", "requisiteStageRefIds": append([]any{}, after...)}
	for key, value := range fields {
		st[key] = value
	}
	return st
}

// save stores a pipeline of the application api, of which name is also the id.
func save(t *testing.T, endpoint, name string, fields map[string]any, stages ...any) {
	t.Helper()
	d := map[string]any{"id": name, "application": "api", "name": name, "stages": stages}
	for key, value := range fields {
		d[key] = value
	}
	if status, body := ask(t, "POST", endpoint+"/pipelines", d); status != 200 {
		t.Fatalf("save %s: %d %s", name, status, body)
	}
}

// start triggers a pipeline and returns the execution's id.
func start(t *testing.T, endpoint, name string, trigger map[string]any) string {
	t.Helper()
	status, body := ask(t, "POST", endpoint+"/pipelines/api/"+name, trigger)
	var started struct{ Ref string }
	if err := json.Unmarshal([]byte(body), &started); err != nil || status != 202 {
		t.Fatalf("trigger %s: %d %s", name, status, body)
	}
	return strings.TrimPrefix(started.Ref, "/pipelines/")
}

// statuses writes the stages' names and statuses in order.
func statuses(x *execution) string {
	var list []string
	for _, st := range x.Stages {
		list = append(list, st.Name+":"+string(st.Status))
	}
	return strings.Join(list, " ")
}

func TestStatuses(t *testing.T) {
	s, endpoint := serve(t, Config{})
	precondition := func(expression string, failPipeline bool) map[string]any {
		return map[string]any{"refId": "p", "name": "p", "type": "checkPreconditions", "requisiteStageRefIds": []any{}, "preconditions": []any{
			map[string]any{"type": "expression", "failPipeline": failPipeline, "context": map[string]any{"expression": expression, "failureMessage": "frozen"}}}}
	}
	for name, tt := range map[string]struct {
		stages []any
		want   pipeline.Status
		text   string
	}{
		"graph":             {[]any{wait("c", "a", "b"), wait("a"), wait("b", "a")}, pipeline.Succeeded, "c:SUCCEEDED a:SUCCEEDED b:SUCCEEDED"},
		"unchained":         {[]any{map[string]any{"type": "wait", "name": "a"}, map[string]any{"type": "unheardOf"}, map[string]any{"type": "wait", "name": "c"}}, pipeline.Terminal, "a:SUCCEEDED unheardOf:TERMINAL c:NOT_STARTED"},
		"failure":           {[]any{fails("a", nil), wait("b", "a")}, pipeline.Terminal, "a:TERMINAL b:NOT_STARTED"},
		"failure beside":    {[]any{fails("a", nil), map[string]any{"refId": "b", "name": "b", "type": "wait", "waitTime": 60}}, pipeline.Terminal, "a:TERMINAL b:CANCELED"},
		"continuePipeline":  {[]any{fails("a", map[string]any{"continuePipeline": true}), wait("b", "a")}, pipeline.Succeeded, "a:FAILED_CONTINUE b:SUCCEEDED"},
		"stopped branch":    {[]any{fails("a", map[string]any{"failPipeline": false}), wait("b", "a"), wait("c")}, pipeline.Succeeded, "a:STOPPED b:NOT_STARTED c:SUCCEEDED"},
		"stopped, then all": {[]any{fails("a", map[string]any{"failPipeline": false, "completeOtherBranchesThenFail": true}), wait("c")}, pipeline.Terminal, "a:STOPPED c:SUCCEEDED"},
		"disabled stage":    {[]any{fails("a", map[string]any{"stageEnabled": map[string]any{"type": "expression", "expression": "parameters.version == 'x'"}}), wait("b", "a")}, pipeline.Succeeded, "a:SKIPPED b:SUCCEEDED"},
		"enabled stage":     {[]any{fails("a", map[string]any{"stageEnabled": map[string]any{"type": "expression", "expression": "${parameters.version == '1'}"}})}, pipeline.Terminal, "a:TERMINAL"},
		"unknown refId":     {[]any{wait("a", "nowhere")}, pipeline.Terminal, "a:NOT_STARTED"},
		"circle":            {[]any{wait("a", "b"), wait("b", "a")}, pipeline.Terminal, "a:NOT_STARTED b:NOT_STARTED"},
		"no stages":         {nil, pipeline.Terminal, ""},
		"true":              {[]any{precondition(`trigger["payload"]?.frozen != true`, true)}, pipeline.Succeeded, "p:SUCCEEDED Check precondition (expression):SUCCEEDED"},
		"true in braces":    {[]any{precondition(`${trigger["payload"]?.frozen != true}`, true)}, pipeline.Succeeded, "p:SUCCEEDED Check precondition (expression):SUCCEEDED"},
		"false":             {[]any{precondition(`parameters.version == "2"`, true)}, pipeline.Terminal, "p:TERMINAL Check precondition (expression):TERMINAL"},
		"false, and stops":  {[]any{precondition(`false`, false), wait("b", "p")}, pipeline.Succeeded, "p:STOPPED b:NOT_STARTED Check precondition (expression):STOPPED"},
		"stage status": {[]any{wait("a"), map[string]any{"refId": "p", "name": "p", "type": "checkPreconditions", "requisiteStageRefIds": []any{"a"}, "preconditions": []any{
			map[string]any{"type": "stageStatus", "context": map[string]any{"stageName": "a", "stageStatus": "SUCCEEDED"}}}}}, pipeline.Succeeded,
			"a:SUCCEEDED p:SUCCEEDED Check precondition (stageStatus):SUCCEEDED"},
		"stage timeout":      {[]any{map[string]any{"refId": "a", "name": "a", "type": "wait", "waitTime": 60, "stageTimeoutMs": 20}}, pipeline.Terminal, "a:TERMINAL"},
		"jenkins":            {[]any{map[string]any{"refId": "a", "name": "a", "type": "jenkins", "master": "ci", "job": "orbit/api"}}, pipeline.Succeeded, "a:SUCCEEDED"},
		"jenkins of nothing": {[]any{map[string]any{"refId": "a", "name": "a", "type": "jenkins"}}, pipeline.Terminal, "a:TERMINAL"},
		"no such account":    {[]any{map[string]any{"refId": "a", "name": "a", "type": "deployManifest", "account": "x"}}, pipeline.Terminal, "a:TERMINAL"},
	} {
		t.Run(name, func(t *testing.T) {
			id := strings.NewReplacer(" ", "-", ",", "").Replace(name)
			save(t, endpoint, id, nil, tt.stages...)
			x := waitForStatus(t, s, start(t, endpoint, id, map[string]any{"parameters": map[string]any{"version": "1"}}), tt.want)
			s.mu.Lock()
			defer s.mu.Unlock()
			if got := statuses(x); got != tt.text {
				t.Errorf("stages are %s, want %s", got, tt.text)
			}
		})
	}
}

func TestStartFails(t *testing.T) {
	s, endpoint := serve(t, Config{})
	expected := map[string]any{"id": "a", "displayName": "values", "matchArtifact": map[string]any{"name": "v.*"}}
	for name, tt := range map[string]struct {
		config, trigger map[string]any
		status          int
		text            string
		recorded        bool
	}{
		"disabled":           {map[string]any{"disabled": true}, nil, 400, "Pipeline is disabled", true},
		"required":           {map[string]any{"parameterConfig": []any{map[string]any{"name": "v", "required": true}}}, nil, 400, "Required parameter v is missing", false},
		"required but there": {map[string]any{"parameterConfig": []any{map[string]any{"name": "v", "required": true, "default": "1"}}}, nil, 202, "/pipelines/", true},
		"no artifact":        {map[string]any{"expectedArtifacts": []any{expected}}, map[string]any{"expectedArtifactIds": []any{"a"}}, 400, "Unmatched expected artifact values could not be resolved", true},
		"artifact unasked":   {map[string]any{"expectedArtifacts": []any{expected}}, nil, 202, "/pipelines/", true},
		"two artifacts": {map[string]any{"expectedArtifacts": []any{expected}}, map[string]any{"expectedArtifactIds": []any{"a"},
			"artifacts": []any{map[string]any{"name": "v1"}, map[string]any{"name": "v2"}}}, 400, "matches multiple", true},
		"one artifact": {map[string]any{"expectedArtifacts": []any{expected}}, map[string]any{"expectedArtifactIds": []any{"a"},
			"artifacts": []any{map[string]any{"name": "v1"}, map[string]any{"name": "other"}}}, 202, "/pipelines/", true},
	} {
		t.Run(name, func(t *testing.T) {
			id := strings.ReplaceAll(name, " ", "-")
			save(t, endpoint, id, tt.config, wait("a"))
			walk(t, endpoint, []step{{"POST", "/pipelines/api/" + id, tt.trigger, tt.status, tt.text}})
			if got := s.Stats().Executions[id] == 1; got != tt.recorded {
				t.Errorf("an execution is recorded: %t, want %t", got, tt.recorded)
			}
		})
	}
}

func TestVariablesTravel(t *testing.T) {
	s, endpoint := serve(t, Config{})
	called := make(chan string, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		called <- r.Method + " " + r.Header.Get("X-Token") + " " + string(body)
		_, _ = io.WriteString(w, `{"answer": 42}`)
	}))
	defer hook.Close()
	save(t, endpoint, "child", map[string]any{"parameterConfig": []any{map[string]any{"name": "version"}}},
		map[string]any{"refId": "1", "type": "evaluateVariables", "variables": []any{map[string]any{"key": "image", "value": `api:${parameters.version}`}}})
	save(t, endpoint, "parent", map[string]any{"parameterConfig": []any{map[string]any{"name": "version", "default": "7"}}},
		map[string]any{"refId": "1", "type": "pipeline", "application": "api", "pipeline": "child", "pipelineParameters": map[string]any{"version": `${parameters["version"]}`}},
		map[string]any{"refId": "2", "requisiteStageRefIds": []any{"1"}, "type": "evaluateVariables", "variables": []any{
			map[string]any{"key": "tag", "value": `${image + "-x"}`}, map[string]any{"key": "literal", "value": `${T(java.lang.Math).random()}`}}},
		map[string]any{"refId": "3", "requisiteStageRefIds": []any{"2"}, "type": "webhook", "name": "Call", "url": hook.URL, "method": "PUT",
			"customHeaders": map[string]any{"X-Token": "t"}, "payload": map[string]any{"image": "${tag}", "status": `${#stage("evaluateVariables").status}`}},
		map[string]any{"refId": "4", "requisiteStageRefIds": []any{"3"}, "type": "checkPreconditions", "preconditions": []any{
			map[string]any{"type": "expression", "context": map[string]any{"expression": `#stage("Call")["outputs"].webhook.body.answer == 42`}}}})
	x := waitForStatus(t, s, start(t, endpoint, "parent", nil), pipeline.Succeeded)
	if got, want := <-called, `PUT t {"image":"api:7-x","status":"SUCCEEDED"}`; got != want {
		t.Errorf("webhook was called with %s, want %s", got, want)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := x.Stages[1].Outputs["literal"]; got != `${T(java.lang.Math).random()}` {
		t.Errorf("literal = %v", got)
	}
	if x.Stages[1].Context["expressionEvaluationSummary"] == nil {
		t.Error("the failed expression is not recorded")
	}
}

func TestJudgment(t *testing.T) {
	s, endpoint := serve(t, Config{})
	judgment := map[string]any{"refId": "j", "name": "j", "type": "manualJudgment", "judgmentInputs": []any{map[string]any{"value": "go"}}}
	save(t, endpoint, "judged", nil, judgment, wait("after", "j"))
	for word, want := range map[string]pipeline.Status{"continue": pipeline.Succeeded, "stop": pipeline.Terminal} {
		id := start(t, endpoint, "judged", nil)
		s.mu.Lock()
		stage := s.executions[id].Stages[0].ID
		s.mu.Unlock()
		walk(t, endpoint, []step{
			{"PATCH", "/pipelines/" + id + "/stages/" + stage, map[string]any{"judgmentStatus": "perhaps"}, 200, "RUNNING"},
			{"PATCH", "/pipelines/" + id + "/stages/" + stage, map[string]any{"judgmentStatus": word, "judgmentInput": "go"}, 200, word},
			{"PATCH", "/pipelines/" + id + "/stages/none", map[string]any{}, 404, "Stage not found"},
		})
		waitForStatus(t, s, id, want)
	}
}

func TestCancelPauseResume(t *testing.T) {
	s, endpoint := serve(t, Config{})
	judgment := map[string]any{"refId": "j", "name": "j", "type": "manualJudgment"}
	save(t, endpoint, "held", nil, judgment, wait("after", "j"))
	id := start(t, endpoint, "held", nil)
	s.mu.Lock()
	stage := s.executions[id].Stages[0].ID
	s.mu.Unlock()
	walk(t, endpoint, []step{
		{"PUT", "/pipelines/" + id + "/resume", nil, 400, "not PAUSED"},
		{"PUT", "/pipelines/" + id + "/pause", nil, 200, empty},
		{"PUT", "/pipelines/" + id + "/pause", nil, 400, "not RUNNING"},
		{"PATCH", "/pipelines/" + id + "/stages/" + stage, map[string]any{"judgmentStatus": "continue"}, 200, "PAUSED"},
		{"PUT", "/pipelines/" + id + "/resume", nil, 200, empty},
	})
	waitForStatus(t, s, id, pipeline.Succeeded)
	id = start(t, endpoint, "held", nil)
	walk(t, endpoint, []step{
		{"PUT", "/pipelines/" + id + "/cancel?reason=wrong%20version", nil, 200, empty},
		{"PUT", "/pipelines/none/cancel", nil, 404, "none"},
	})
	waitForStatus(t, s, id, pipeline.Canceled)
	walk(t, endpoint, []step{
		{"PUT", "/pipelines/" + id + "/cancel", nil, 200, empty}, // it is over
		{"GET", "/pipelines/" + id, nil, 200, `"cancellationReason":"wrong version"`},
	})
}

// TestCorrelation is what makes a trigger nearly safe to repeat: see docs/spinnaker.md.
func TestCorrelation(t *testing.T) {
	s, endpoint := serve(t, Config{})
	save(t, endpoint, "held", nil, map[string]any{"refId": "j", "type": "manualJudgment"})
	trigger := map[string]any{"correlationId": "c-1"}
	first := start(t, endpoint, "held", trigger)
	if again := start(t, endpoint, "held", trigger); again != first {
		t.Errorf("while it runs, a second trigger made %s beside %s", again, first)
	}
	ask(t, "PUT", endpoint+"/pipelines/"+first+"/cancel", nil)
	waitForStatus(t, s, first, pipeline.Canceled)
	if again := start(t, endpoint, "held", trigger); again == first {
		t.Error("after its end, a trigger did not start another")
	}
	if got := s.Stats(); got.Triggers["held"] != 3 || got.Executions["held"] != 2 {
		t.Errorf("stats = %+v", got)
	}
}

func TestLimitConcurrent(t *testing.T) {
	s, endpoint := serve(t, Config{})
	save(t, endpoint, "one", map[string]any{"limitConcurrent": true}, map[string]any{"refId": "j", "type": "manualJudgment"})
	first, second, third := start(t, endpoint, "one", nil), start(t, endpoint, "one", nil), start(t, endpoint, "one", nil)
	waitForStatus(t, s, second, pipeline.Canceled) // superseded by the third
	walk(t, endpoint, []step{
		{"GET", "/pipelines/" + third, nil, 200, "NOT_STARTED"},
		{"PUT", "/pipelines/" + first + "/cancel", nil, 200, empty},
	})
	waitForStatus(t, s, first, pipeline.Canceled)
	deadline := time.Now().Add(10 * time.Second)
	for {
		if _, body := ask(t, "GET", endpoint+"/pipelines/"+third, nil); strings.Contains(body, `"status":"RUNNING"`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the third does not begin")
		}
	}
	fourth := start(t, endpoint, "one", nil)
	ask(t, "PUT", endpoint+"/pipelines/"+fourth+"/cancel", nil) // while it waits
	waitForStatus(t, s, fourth, pipeline.Canceled)
}

func TestPipelinesInACircle(t *testing.T) {
	s, endpoint := serve(t, Config{})
	save(t, endpoint, "round", nil, map[string]any{"refId": "1", "type": "pipeline", "application": "api", "pipeline": "round"})
	waitForStatus(t, s, start(t, endpoint, "round", nil), pipeline.Terminal)
	if n := s.Stats().Executions["round"]; n != deepestPipeline+2 {
		t.Errorf("%d executions, want %d", n, deepestPipeline+2)
	}
}
