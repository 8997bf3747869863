package spinnaker

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ask makes a request and returns the status and the body.
func ask(t *testing.T, method, address string, body any) (int, string) {
	t.Helper()
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, address, reader)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultTransport.RoundTrip(request) // follows no redirect
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data)
}

type step struct {
	method, path string
	body         any
	status       int
	contains     string
}

// walk makes requests in order.
func walk(t *testing.T, endpoint string, steps []step) {
	t.Helper()
	for _, s := range steps {
		status, body := ask(t, s.method, endpoint+s.path, s.body)
		if status != s.status || !strings.Contains(body, s.contains) || (s.contains == empty && body != "") {
			t.Errorf("%s %s: %d %s, want %d with %q", s.method, s.path, status, body, s.status, s.contains)
		}
	}
}

// empty asks for an empty body.
const empty = ""

func TestFront50(t *testing.T) {
	_, endpoint := serve(t, Config{Accounts: nil})
	p := func(id, app, name string) map[string]any {
		return map[string]any{"id": id, "application": app, "name": name, "gone": nil, "inner": map[string]any{"gone": nil, "kept": 1}}
	}
	walk(t, endpoint, []step{
		{"POST", "/pipelines", p("Id-1", "api", " deploy "), 200, empty},
		{"GET", "/applications/api/pipelineConfigs/deploy", nil, 200, `"inner":{"kept":1}`},
		{"GET", "/applications/api/pipelineConfigs/deploy", nil, 200, `"schema":"1"`},
		{"GET", "/applications/api/pipelineConfigs/deploy", nil, 200, `"triggers":[]`},
		{"GET", "/applications/other/pipelineConfigs/Id-1", nil, 200, `"application":"api"`}, // by id, wherever it is
		{"GET", "/applications/api/pipelineConfigs/Deploy", nil, 404, `"message":"Pipeline configuration not found`},
		{"POST", "/pipelines", p("id-2", "api", "DEPLOY"), 400, "A pipeline with name DEPLOY already exists in application api"},
		{"POST", "/pipelines", p("id-2", "other", "deploy"), 200, empty},
		{"POST", "/pipelines", p("ID-1", "api", "renamed"), 200, empty}, // the id's case does not tell ids apart
		{"GET", "/applications/api/pipelineConfigs", nil, 200, `"index":0`},
		{"POST", "/pipelines", p("id-3", "", "x"), 400, "requires name and application"},
		{"POST", "/pipelines", p("id-3", "api", "  "), 400, "requires name and application"},
		{"PUT", "/pipelines/ID-1", p("other", "api", "x"), 400, "doesn't match"},
		{"PUT", "/pipelines/none", p("none", "api", "x"), 400, "No pipeline found"},
		{"PUT", "/pipelines/ID-1", p("ID-1", "api", "updated"), 200, `"name":"updated"`},
		{"POST", "/pipelines/bulksave?application=api", []any{p("b1", "api", "bulk"), p("b2", "api", "BULK")}, 200, `"failed_pipelines_count":1`},
		{"GET", "/applications/api/pipelineConfigs/bulk", nil, 200, `"id":"b1"`},
		{"DELETE", "/pipelines/api/UPDATED", nil, 200, empty},
		{"DELETE", "/pipelines/api/UPDATED", nil, 200, empty}, // missing
		{"GET", "/applications/api/pipelineConfigs/ID-1", nil, 404, "not found"},
		{"GET", "/applications/unknown/pipelineConfigs", nil, 200, "[]"},
		{"POST", "/pipelines", "text", 400, "JSON parse error"},
		{"DELETE", "/pipelines/api/a%2Fb", nil, 400, "%2f"},
		{"GET", "/credentials/unknown", nil, 200, empty},
		{"GET", "/version", nil, 200, "version"},
		{"GET", "/auth/user", nil, 200, "anonymous"},
		{"GET", "/pipelines/none", nil, 404, "Pipeline not found (id: none)"},
		{"GET", "/tasks/none", nil, 404, "none"},
		{"GET", "/executions?executionIds=a&pipelineConfigIds=b", nil, 400, "Only pipelineConfigIds OR executionIds"},
		{"GET", "/executions", nil, 200, "[]"},
		{"GET", "/executions?pipelineConfigIds=a&limit=x", nil, 400, "no number"},
		{"GET", "/applications/api/executions/search?trigger=%25", nil, 500, "Failed to parse encoded trigger"},
		{"GET", "/applications/api/executions/search?size=x", nil, 400, "no number"},
	})
}

func TestCronTriggersGetIDs(t *testing.T) {
	_, endpoint := serve(t, Config{})
	ask(t, "POST", endpoint+"/pipelines", map[string]any{"application": "api", "name": "x", "triggers": []any{map[string]any{"type": "cron"}}})
	_, body := ask(t, "GET", endpoint+"/applications/api/pipelineConfigs/x", nil)
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	trigger, _ := listOf(got, "triggers")[0].(map[string]any)
	if len(textOf(trigger, "id")) != 36 || len(textOf(got, "id")) != 36 {
		t.Errorf("ids %q and %q, want UUIDs", textOf(got, "id"), textOf(trigger, "id"))
	}
}

// TestApplicationListIsACache moves the clock by hand.
func TestApplicationListIsACache(t *testing.T) {
	s, endpoint := serve(t, Config{})
	s.mu.Lock()
	now := s.start.Add(7 * time.Second)
	s.now = func() time.Time { return now }
	s.mu.Unlock()
	job := map[string]any{"application": "api", "job": []any{map[string]any{"type": "createApplication", "application": map[string]any{"name": "api", "email": "a@example.com"}}}}
	walk(t, endpoint, []step{
		{"POST", "/tasks", job, 200, "/tasks/"},
		{"GET", "/applications/API?expand=false", nil, 200, `"name":"api"`},
		{"GET", "/applications", nil, 200, "[]"},
	})
	s.mu.Lock()
	now = s.start.Add(10 * time.Second)
	s.mu.Unlock()
	walk(t, endpoint, []step{{"GET", "/applications", nil, 200, `"email":"a@example.com"`}})
}

func TestTasks(t *testing.T) {
	s, endpoint := serve(t, Config{})
	for want, job := range map[string]map[string]any{
		"SUCCEEDED":              {"type": "deleteApplication", "application": map[string]any{"name": "api"}},
		"needs an email":         {"type": "createApplication", "application": map[string]any{"name": "api"}},
		"must not be empty":      {"type": "createApplication", "application": map[string]any{}},
		"no job of type destroy": {"type": "destroy"},
	} {
		_, body := ask(t, "POST", endpoint+"/applications/api/tasks", map[string]any{"job": []any{job}})
		var started struct{ Ref string }
		if err := json.Unmarshal([]byte(body), &started); err != nil {
			t.Fatal(err)
		}
		walk(t, endpoint, []step{{"GET", started.Ref, nil, 200, want}})
	}
	walk(t, endpoint, []step{{"POST", "/tasks", map[string]any{}, 400, "needs a job"}})
	if diff := cmp.Diff(map[string]int{}, s.Stats().Applications); diff != "" {
		t.Error(diff)
	}
}
