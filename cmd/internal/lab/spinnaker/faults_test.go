package spinnaker

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"cutover/generator/pipeline"
)

func TestFaults(t *testing.T) {
	s, endpoint := serve(t, Config{})
	save := pipeline.Mark(map[string]any{"id": "id-1", "application": "api", "name": "deploy"},
		pipeline.Ownership{Estate: "e", Product: "orbit", Namespace: "core", Service: "api", Stack: "prod2", Template: "deploy"})
	fault := func(f Fault) {
		t.Helper()
		if status, body := ask(t, "POST", endpoint+"/lab/faults", f); status != 204 {
			t.Fatalf("fault: %d %s", status, body)
		}
	}
	closed := func() {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), "POST", endpoint+"/pipelines", strings.NewReader(`{"id":"id-1","application":"api","name":"deploy"}`))
		if err != nil {
			t.Fatal(err)
		}
		if response, err := http.DefaultTransport.RoundTrip(request); err == nil {
			_ = response.Body.Close()
			t.Errorf("answer %s, want a closed connection", response.Status)
		}
	}
	saves := func(want int) {
		t.Helper()
		var stats Stats
		_, body := ask(t, "GET", endpoint+"/lab/stats", nil)
		if err := json.Unmarshal([]byte(body), &stats); err != nil || stats.Saves["id-1"] != want {
			t.Errorf("stats = %s, %v, want %d saves", body, err, want)
		}
	}
	match := Match{Method: "POST", PathRegexp: "^/pipelines$", Application: "api"}

	fault(Fault{Match: match, Times: 1, Do: LostAnswer})
	closed()
	saves(1)
	fault(Fault{Match: match, Times: 1, Do: RejectBefore})
	closed()
	saves(1)
	fault(Fault{Match: match, Times: 2, Do: Status})
	fault(Fault{Match: match, Times: 1, Do: Status, Status: 500})
	fault(Fault{Match: match, Times: 1, Do: Empty200})
	fault(Fault{Match: match, Times: 1, Do: HTML200})
	fault(Fault{Match: match, Times: 1, Do: RedirectToLogin})
	fault(Fault{Match: Match{Application: "other"}, Do: Status})
	fault(Fault{Match: Match{Method: "GET", PathRegexp: "nowhere"}, Do: Status})
	walk(t, endpoint, []step{
		{"POST", "/pipelines", save, 503, "told to fail"},
		{"POST", "/pipelines", save, 503, "told to fail"},
		{"POST", "/pipelines", save, 500, "told to fail"},
		{"POST", "/pipelines", save, 200, empty},
		{"POST", "/pipelines", save, 200, "<html>"},
		{"POST", "/pipelines", save, 302, empty},
	})
	saves(1)
	walk(t, endpoint, []step{
		{"POST", "/pipelines", save, 200, empty},
		{"GET", "/applications/other/pipelineConfigs", nil, 503, "told to fail"},
		{"DELETE", "/lab/faults", nil, 204, empty},
		{"GET", "/applications/other/pipelineConfigs", nil, 200, "[]"},
	})
	saves(2)

	fault(Fault{Match: match, Times: 1, Do: Latency, Latency: "50ms"})
	began := time.Now()
	walk(t, endpoint, []step{{"POST", "/pipelines", save, 200, empty}})
	if took := time.Since(began); took < 50*time.Millisecond {
		t.Errorf("answered after %s", took)
	}
	saves(3)

	// Our client survives what Gate does when it stops waiting.
	if err := s.AddFault(Fault{Match: match, Times: 1, Do: StillRunning, Latency: "100ms"}); err != nil {
		t.Fatal(err)
	}
	client := newClient(t, endpoint)
	if _, err := client.Pipelines(t.Context(), "api"); err != nil {
		t.Fatal(err)
	}
	save["description"] = "late"
	if err := client.Save(t.Context(), save); err != nil {
		t.Error(err)
	}
	saves(4)
	walk(t, endpoint, []step{
		{"POST", "/lab/faults", Fault{Do: "explode"}, 400, "no effect"},
		{"POST", "/lab/faults", Fault{Do: Status, Match: Match{PathRegexp: "("}}, 400, "pathRegexp"},
		{"POST", "/lab/faults", Fault{Do: Latency, Latency: "soon"}, 400, "latency"},
	})
}
