package gate

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cutover/generator/pipeline"
	"cutover/reconciler/failure"
)

func TestEnsureApplication(t *testing.T) {
	const get, post, poll = "GET /applications/api", "POST /tasks", "GET /tasks/01T"
	absent, present := say(404, `{"status":404,"message":"Application not found"}`), say(200, `{"name":"api"}`)
	started := say(200, `{"ref":"/tasks/01T"}`)
	failed := `{"status":"TERMINAL","variables":[{"key":"exception","value":{"details":{"errors":["Invalid application name"]}}}]}`
	for name, tt := range map[string]struct {
		answers map[string]http.HandlerFunc
		created bool
		want    error
		text    string
	}{
		"exists":    {map[string]http.HandlerFunc{get: present}, false, nil, ""},
		"is made":   {map[string]http.HandlerFunc{get: inTurn(absent, present), post: started, poll: inTurn(say(200, `{"status":"RUNNING"}`), busyAnswer, say(200, `{"status":"SUCCEEDED"}`))}, true, nil, ""},
		"refused":   {map[string]http.HandlerFunc{get: absent, post: started, poll: say(200, failed)}, false, failure.ErrRefused, "task 01T: refused: Invalid application name"},
		"no reason": {map[string]http.HandlerFunc{get: absent, post: started, poll: say(200, `{"status":"CANCELED"}`)}, false, failure.ErrRefused, "it ended as CANCELED"},
		"no task":   {map[string]http.HandlerFunc{get: absent, post: emptyAnswer}, false, failure.ErrTransient, "is empty"},
		"lost":      {map[string]http.HandlerFunc{get: absent, post: lostAnswer}, false, failure.ErrTransient, "POST /tasks"},
		"vanished":  {map[string]http.HandlerFunc{get: absent, post: started, poll: say(200, `{"status":"SUCCEEDED"}`)}, false, failure.ErrTransient, "does not know the application"},
		"denied":    {map[string]http.HandlerFunc{get: say(403, `{"message":"no"}`)}, false, failure.ErrRefused, "look for application api"},
	} {
		t.Run(name, func(t *testing.T) {
			created, err := newFake(t, tt.answers).client(t, "").EnsureApplication(t.Context(), pipeline.Application{Name: "api", Email: "a@example.com"})
			if created != tt.created || !errors.Is(err, tt.want) || (err != nil && !strings.Contains(err.Error(), tt.text)) {
				t.Errorf("created %t, error %v; want %t, %v with %q", created, err, tt.created, tt.want, tt.text)
			}
		})
	}
}

func TestEnsureApplicationEndsWithContext(t *testing.T) {
	f := newFake(t, map[string]http.HandlerFunc{
		"GET /applications/api": say(404, `{"status":404}`),
		"POST /tasks":           say(200, `{"ref":"/tasks/01T"}`),
		"GET /tasks/01T":        say(200, `{"status":"RUNNING"}`),
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := f.client(t, "").EnsureApplication(ctx, pipeline.Application{Name: "api", Email: "a@example.com"})
	if !errors.Is(err, failure.ErrTransient) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v", err)
	}
}

func TestSave(t *testing.T) {
	running := say(400, `{"status":400,"message":"Pipeline save operation did not succeed: 01T (status: RUNNING)"}`)
	refused := say(400, `{"status":400,"message":"A pipeline with name deploy prod2 already exists in application api"}`)
	older, newer, other := say(200, stored("description", "old")), say(200, stored("updateTs", "2000")), say(200, stored("updateTs", "3000", "description", "by hand"))
	for name, tt := range map[string]struct {
		config http.HandlerFunc // what is stored, before the save and after it
		post   http.HandlerFunc
		want   error
		text   string
	}{
		"new":                    {inTurn(noPipeline, newer), emptyAnswer, nil, ""},
		"changed":                {inTurn(older, newer), emptyAnswer, nil, ""},
		"refused":                {noPipeline, refused, failure.ErrRefused, "save pipeline deploy prod2 of api: POST /pipelines: 400 Bad Request: refused: A pipeline with name"},
		"redirected":             {noPipeline, loginAnswer, failure.ErrRefused, "log-in"}, // pitfall 2
		"in HTML":                {noPipeline, htmlAnswer, failure.ErrTransient, "not JSON"},
		"lost":                   {noPipeline, lostAnswer, failure.ErrTransient, ""},
		"busy is not repeated":   {noPipeline, inTurn(busyAnswer, emptyAnswer), failure.ErrTransient, "busy"},
		"still running, landed":  {inTurn(older, older, newer), running, nil, ""},
		"taken, not stored":      {noPipeline, emptyAnswer, failure.ErrTransient, "does not have it yet"},
		"stored with a change":   {inTurn(older, other), emptyAnswer, failure.ErrRefused, "first in description"},
		"changed since read":     {other, emptyAnswer, failure.ErrConflict, "saved at 3000"},
		"without our mark":       {say(200, stored("cutover", "")), emptyAnswer, failure.ErrRefused, "does not carry the mark of our estate"},
		"of another estate":      {say(200, strings.Replace(stored(), `"estate": "e"`, `"estate": "f"`, 1)), emptyAnswer, failure.ErrRefused, "does not carry the mark of our estate"},
		"of another application": {say(200, stored("application", "other")), emptyAnswer, failure.ErrRefused, "taken by pipeline"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, map[string]http.HandlerFunc{
				"GET " + allConfigs: say(200, "["+stored()+"]"),
				"GET " + oneConfig:  tt.config,
				"POST /pipelines":   tt.post,
			})
			client := f.client(t, "")
			if _, err := client.Pipelines(t.Context(), "api"); err != nil {
				t.Fatal(err)
			}
			err := client.Save(t.Context(), document())
			if !errors.Is(err, tt.want) || (err != nil && !strings.Contains(err.Error(), tt.text)) {
				t.Errorf("error = %v, want %v with %q", err, tt.want, tt.text)
			}
		})
	}
}

// A Spinnaker that drops what it does not know must not be saved to again and again.
func TestSaveStoredWithoutAField(t *testing.T) {
	kept := noPipeline
	f := newFake(t, map[string]http.HandlerFunc{
		"GET " + oneConfig: func(w http.ResponseWriter, r *http.Request) { kept(w, r) },
		"POST /pipelines": func(_ http.ResponseWriter, r *http.Request) {
			var d pipeline.Document
			if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
				t.Error(err)
			}
			delete(d["stages"].([]any)[0].(map[string]any), "novel")
			d["updateTs"] = "2000"
			kept = say(200, string(pipeline.Canonical(d)))
		},
	})
	d := document()
	d["stages"] = []any{map[string]any{"refId": "1", "type": "wait", "novel": true, "waitTime": 1}}
	err := f.client(t, "").Save(t.Context(), d)
	if !errors.Is(err, failure.ErrRefused) || errors.Is(err, failure.ErrConflict) || !strings.Contains(err.Error(), "first in stages[0].novel") {
		t.Errorf("error = %v, want a refusal that names the field", err)
	}
}

func TestSaveStillRunningEndsWithContext(t *testing.T) {
	f := newFake(t, map[string]http.HandlerFunc{
		"GET " + oneConfig: noPipeline,
		"POST /pipelines":  say(400, `{"message":"Pipeline save operation did not succeed: 01T (status: RUNNING)"}`),
	})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := f.client(t, "").Save(ctx, document()); !errors.Is(err, failure.ErrTransient) {
		t.Errorf("error = %v, want a temporary one: it may still land", err)
	}
}

func TestSaveSendsTheDocument(t *testing.T) { // pitfall 6
	d := document()
	d["large"], d["fraction"], d["text"] = json.Number("12345678901234567890"), json.Number("0.10"), `<a href="x">&</a>`
	var sent []byte
	f := newFake(t, map[string]http.HandlerFunc{
		"GET " + oneConfig: noPipeline,
		"POST /pipelines":  func(_ http.ResponseWriter, r *http.Request) { sent, _ = io.ReadAll(r.Body) },
	})
	if err := f.client(t, "").Save(t.Context(), d); !errors.Is(err, failure.ErrTransient) {
		t.Error(err)
	}
	for _, want := range []string{`"large":12345678901234567890`, `"fraction":0.10`} {
		if !strings.Contains(string(sent), want) {
			t.Errorf("%s does not contain %s", sent, want)
		}
	}
	var got map[string]any
	if err := json.Unmarshal(sent, &got); err != nil || got["text"] != d["text"] {
		t.Errorf("text = %v, %v", got["text"], err)
	}
}

func TestIncomplete(t *testing.T) {
	client := newFake(t, nil).client(t, "")
	for name, call := range map[string]func() error{
		"save":    func() error { return client.Save(t.Context(), pipeline.Document{"id": "x"}) },
		"delete":  func() error { return client.Delete(t.Context(), pipeline.Document{"name": "x"}) },
		"trigger": func() error { _, err := client.Trigger(t.Context(), pipeline.Trigger{Application: "x"}); return err },
		"application": func() error {
			_, err := client.EnsureApplication(t.Context(), pipeline.Application{Name: "x"})
			return err
		},
	} {
		if err := call(); !errors.Is(err, failure.ErrRefused) {
			t.Errorf("%s: error = %v, want a refusal", name, err)
		}
	}
}

func TestDelete(t *testing.T) {
	const byName = "DELETE /pipelines/api/deploy%20prod2" // pitfall 4: spin leaves the space as it is
	have := say(200, stored())
	for name, tt := range map[string]struct {
		config, remove http.HandlerFunc
		want           error
		text           string
	}{
		"is there":            {inTurn(have, noPipeline), emptyAnswer, nil, ""},
		"is not there":        {noPipeline, nil, nil, ""},
		"renamed":             {say(200, stored("name", "mine now")), nil, failure.ErrRefused, `belongs to "mine now"`},
		"moved":               {say(200, stored("application", "other")), nil, failure.ErrRefused, "of application other"},
		"marked by another":   {say(200, strings.Replace(stored(), `"orbit"`, `"other"`, 1)), nil, failure.ErrRefused, "same mark"},
		"unmarked":            {say(200, stored("cutover", "")), nil, failure.ErrRefused, "same mark"},
		"not really gone":     {have, emptyAnswer, failure.ErrTransient, "still has"},
		"not allowed":         {have, say(403, `{"message":"no"}`), failure.ErrRefused, ": no"},
		"lost":                {have, lostAnswer, failure.ErrTransient, ""},
		"cannot be looked up": {busyAnswer, nil, failure.ErrTransient, "busy"},
	} {
		t.Run(name, func(t *testing.T) {
			answers := map[string]http.HandlerFunc{"GET " + oneConfig: tt.config}
			if tt.remove != nil {
				answers[byName] = tt.remove
			}
			err := newFake(t, answers).client(t, "").Delete(t.Context(), document())
			if !errors.Is(err, tt.want) || (err != nil && !strings.Contains(err.Error(), tt.text)) {
				t.Errorf("error = %v, want %v with %q", err, tt.want, tt.text)
			}
		})
	}
}

func TestTrigger(t *testing.T) { // pitfall 1
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		want   error
	}{
		"started":         {say(202, `{"ref":"/pipelines/01JEXECUTION"}`), nil},
		"lost":            {lostAnswer, failure.ErrTransient},
		"busy":            {busyAnswer, failure.ErrTransient},
		"empty":           {emptyAnswer, failure.ErrTransient},
		"in HTML":         {htmlAnswer, failure.ErrTransient},
		"of no execution": {say(202, `{"eventId":"x"}`), failure.ErrTransient},
		"log-in":          {loginAnswer, failure.ErrRefused},
		"unknown":         {noPipeline, failure.ErrNotFound},
		"no parameter":    {say(400, `{"message":"Required parameter version is missing"}`), failure.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			bodies := make(chan map[string]any, 1)
			f := newFake(t, map[string]http.HandlerFunc{"POST /pipelines/my%20api/id%2F1": func(w http.ResponseWriter, r *http.Request) {
				var sent map[string]any
				if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
					t.Error(err)
				}
				bodies <- sent
				tt.answer(w, r)
			}})
			id, err := f.client(t, "").Trigger(t.Context(), pipeline.Trigger{
				Application: "my api", PipelineID: "id/1", CorrelationID: "cutover.api.d1.1", Parameters: map[string]string{"version": "1.4.2"},
			})
			if !errors.Is(err, tt.want) || (err == nil) != (id == "01JEXECUTION") {
				t.Errorf("id %q, error %v, want %v", id, err, tt.want)
			}
			if f.calls.Load() != 1 {
				t.Errorf("%d requests: a trigger must never be repeated", f.calls.Load())
			}
			want := map[string]any{"type": "manual", "correlationId": "cutover.api.d1.1", "parameters": map[string]any{"version": "1.4.2"}}
			if diff := cmp.Diff(want, <-bodies); diff != "" {
				t.Error(diff)
			}
		})
	}
}
