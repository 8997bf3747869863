package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cutover/generator/pipeline"
	"cutover/reconciler/failure"
)

// fake is a Gate of which the test writes every answer. Requests to which it gives none are a failure.
type fake struct {
	*httptest.Server
	answers map[string]http.HandlerFunc // by method and escaped path
	calls   atomic.Int32
}

func newFake(t *testing.T, answers map[string]http.HandlerFunc) *fake {
	t.Helper()
	f := &fake{answers: answers}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.calls.Add(1)
		answer, ok := f.answers[r.Method+" "+r.URL.EscapedPath()]
		if !ok {
			t.Errorf("unexpected request %s %s", r.Method, r.URL)
			http.Error(w, "unexpected", http.StatusTeapot)
			return
		}
		answer(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) client(t *testing.T, spinConfig string) *Client {
	t.Helper()
	c := Config{Endpoint: f.URL, HTTPTimeout: 5 * time.Second, RetryFor: 500 * time.Millisecond}
	if spinConfig != "" {
		c.SpinConfig = writeFile(t, spinConfig)
	}
	client, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func say(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// inTurn gives one answer after the other, and the last one from then on.
func inTurn(answers ...http.HandlerFunc) http.HandlerFunc {
	var n atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		answers[min(int(n.Add(1)), len(answers))-1](w, r)
	}
}

var (
	emptyAnswer http.HandlerFunc = func(http.ResponseWriter, *http.Request) {}
	htmlAnswer  http.HandlerFunc = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>welcome</html>")
	}
	loginAnswer http.HandlerFunc = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/login", http.StatusFound)
	}
	lostAnswer http.HandlerFunc = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	busyAnswer                  = say(http.StatusServiceUnavailable, `{"message":"busy"}`)
	noPipeline                  = say(http.StatusNotFound, `{"status":404,"message":"Pipeline configuration not found"}`)
)

const (
	oneConfig  = "/applications/api/pipelineConfigs/id-1"
	allConfigs = "/applications/api/pipelineConfigs"
)

func document() pipeline.Document {
	return pipeline.Mark(pipeline.Document{"id": "id-1", "application": "api", "name": "deploy prod2"},
		pipeline.Ownership{Estate: "e", Product: "orbit", Namespace: "core", Service: "api", Stack: "prod2", Template: "deploy"})
}

func stored(change ...string) string {
	d := document()
	d["updateTs"] = "1000"
	for i := 0; i < len(change); i += 2 {
		d[change[i]] = change[i+1]
	}
	return string(pipeline.Canonical(d))
}

func TestNewNeedsNoGate(t *testing.T) { // pitfall 7
	if _, err := New(Config{Endpoint: "http://127.0.0.1:1"}); err != nil {
		t.Error(err)
	}
}

func TestNewReadsNoHome(t *testing.T) { // pitfall 9
	home := t.TempDir()
	t.Setenv("HOME", home)
	if err := os.MkdirAll(filepath.Join(home, ".spin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".spin", "config"), []byte("not: [a configuration"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Endpoint: "http://127.0.0.1:1"}); err != nil {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	const secret = "hunter2"
	for name, tt := range map[string]struct {
		config Config
		spin   string
		want   string
	}{
		"no endpoint":           {Config{}, "", "the endpoint must be"},
		"no URL":                {Config{Endpoint: "gate.example.com"}, "", "the endpoint must be"},
		"credentials in it":     {Config{Endpoint: "http://u:" + secret + "@gate.example.com"}, "", "without credentials"},
		"negative timeout":      {Config{Endpoint: "http://gate", HTTPTimeout: -1}, "", "must not be negative"},
		"no such file":          {Config{Endpoint: "http://gate", SpinConfig: "/nonexistent"}, "", "no such file"},
		"unknown field":         {Config{Endpoint: "http://gate"}, "auth: {enabled: true, basc: {password: " + secret + "}}", "no valid configuration"},
		"not YAML":              {Config{Endpoint: "http://gate"}, "password: [" + secret, "no valid configuration"},
		"OAuth2 without token":  {Config{Endpoint: "http://gate"}, "auth: {enabled: true, oauth2: {tokenUrl: http://t, authUrl: http://a, clientSecret: " + secret + ", scopes: [a]}}", "run the spin command once"},
		"LDAP without name":     {Config{Endpoint: "http://gate"}, "auth: {enabled: true, ldap: {password: " + secret + "}}", "no LDAP user name"},
		"basic without name":    {Config{Endpoint: "http://gate"}, "auth: {enabled: true, basic: {password: " + secret + "}}", "no basic user name"},
		"x509 without its file": {Config{Endpoint: "http://gate"}, "auth: {enabled: true, x509: {certPath: /nonexistent, keyPath: /nonexistent}}", "certificates"},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.spin != "" {
				tt.config.SpinConfig = writeFile(t, tt.spin)
			}
			_, err := New(tt.config)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error = %v, want one with %q", err, tt.want)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestEndpointOfSpinConfig(t *testing.T) {
	f := newFake(t, map[string]http.HandlerFunc{"GET /credentials": say(200, `[{"name":"b"},{"name":"a"}]`)})
	t.Setenv("GATE_OF_TEST", f.URL)
	client, err := New(Config{SpinConfig: writeFile(t, "gate: {endpoint: $GATE_OF_TEST/}")})
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestAnswers covers what Gate can say to a read that is not what was asked for: pitfalls 2, 3 and 5, the empty 200
// and its errors. Temporary failures are repeated, the others are not.
func TestAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		want   error // nil: the second answer, which is right, must be reached
		text   string
	}{
		"busy":               {busyAnswer, nil, ""},
		"empty":              {emptyAnswer, nil, ""},
		"not JSON":           {htmlAnswer, nil, ""},
		"broken JSON":        {say(200, `[{"name":`), nil, ""},
		"lost":               {lostAnswer, nil, ""},
		"too many requests":  {say(429, ``), nil, ""},
		"redirect to log-in": {loginAnswer, failure.ErrRefused, "GET /credentials: 302 Found: refused: Gate asks for a log-in"},
		"unauthorized":       {say(401, ``), failure.ErrRefused, "asks for a log-in"},
		"denied":             {say(403, `{"status":403,"message":"Access denied\n to account"}`), failure.ErrRefused, "403 Forbidden: refused: Access denied to account"},
		"bad request":        {say(400, `{"status":400,"error":"Bad Request"}`), failure.ErrRefused, "400 Bad Request: refused: Bad Request"},
		"not found":          {noPipeline, failure.ErrNotFound, "Pipeline configuration not found"},
		"page of a proxy":    {say(404, `<html>`), nil, ""},
		"no route in a mesh": {say(404, ``), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, map[string]http.HandlerFunc{"GET /credentials": inTurn(tt.answer, say(200, `[]`))})
			_, err := f.client(t, "").Accounts(t.Context())
			if !errors.Is(err, tt.want) || (err != nil && !strings.Contains(err.Error(), tt.text)) {
				t.Errorf("error = %v, want %v with %q", err, tt.want, tt.text)
			}
			if want := map[bool]int32{true: 2, false: 1}[tt.want == nil]; f.calls.Load() != want {
				t.Errorf("%d requests, want %d", f.calls.Load(), want)
			}
		})
	}
}

func TestReadsGiveUp(t *testing.T) { // pitfall 8
	f := newFake(t, map[string]http.HandlerFunc{"GET /credentials": busyAnswer})
	client := f.client(t, "")
	_, err := client.Accounts(t.Context())
	if !errors.Is(err, failure.ErrTransient) || !strings.Contains(err.Error(), "busy") {
		t.Errorf("error = %v, want a temporary one", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err = client.Accounts(ctx); err == nil {
		t.Error("no error after the deadline")
	}
}

func TestTimeout(t *testing.T) { // pitfall 8
	release := make(chan struct{})
	f := newFake(t, map[string]http.HandlerFunc{"GET /credentials": func(http.ResponseWriter, *http.Request) { <-release }})
	defer close(release)
	client, err := New(Config{Endpoint: f.URL, HTTPTimeout: 50 * time.Millisecond, RetryFor: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Accounts(t.Context()); !errors.Is(err, failure.ErrTransient) {
		t.Errorf("error = %v, want a temporary one", err)
	}
}

func TestLargeAnswer(t *testing.T) {
	f := newFake(t, map[string]http.HandlerFunc{"GET /credentials": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `["%s"]`, strings.Repeat("x", largestAnswer))
	}})
	if _, err := f.client(t, "").Accounts(t.Context()); !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), "larger than 32 MiB") {
		t.Errorf("error = %v", err)
	}
}

func TestBasicAuthentication(t *testing.T) {
	check := func(answer http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); user != "cutover" || password != "hunter2" {
				t.Errorf("%s %s: user %q, password %q", r.Method, r.URL.Path, user, password)
			}
			answer(w, r)
		}
	}
	f := newFake(t, map[string]http.HandlerFunc{
		"GET /credentials":         check(say(200, `[]`)),
		"POST /pipelines/api/id-1": check(say(202, `{"ref":"/pipelines/01J"}`)), // our own request, beside spin's
	})
	client := f.client(t, "auth: {enabled: true, basic: {username: cutover, password: hunter2}}")
	if _, err := client.Accounts(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := client.Trigger(t.Context(), pipeline.Trigger{Application: "api", PipelineID: "id-1", CorrelationID: "c"}); err != nil {
		t.Error(err)
	}
}

// TestSessionEnds is a Gate that forgets us: the next attempt logs in again.
func TestSessionEnds(t *testing.T) {
	var logins, reads atomic.Int32
	f := newFake(t, map[string]http.HandlerFunc{
		"POST /login": func(w http.ResponseWriter, r *http.Request) {
			logins.Add(1)
			if r.PostFormValue("username") != "cutover" || r.PostFormValue("password") != "hunter2" {
				t.Error("log-in with other credentials")
			}
			http.SetCookie(w, &http.Cookie{Name: "SESSION", Value: fmt.Sprint(logins.Load()), Path: "/"})
			http.Redirect(w, r, "/", http.StatusFound)
		},
		"GET /credentials": func(w http.ResponseWriter, r *http.Request) {
			if cookie, err := r.Cookie("SESSION"); err != nil || cookie.Value == "1" && reads.Load() > 0 {
				loginAnswer(w, r)
				return
			}
			reads.Add(1)
			say(200, `[]`)(w, r)
		},
	})
	client := f.client(t, "auth: {enabled: true, ldap: {username: cutover, password: hunter2}}")
	for range 2 {
		if _, err := client.Accounts(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if logins.Load() != 2 {
		t.Errorf("%d log-ins, want 2", logins.Load())
	}
}

// TestWrongPassword is a directory that would lock the account after some more log-ins.
func TestWrongPassword(t *testing.T) {
	for name, spin := range map[string]string{
		"LDAP":  "auth: {enabled: true, ldap: {username: cutover, password: hunter2}}",
		"basic": "auth: {enabled: true, basic: {username: cutover, password: hunter2}}",
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, map[string]http.HandlerFunc{
				"POST /login":      func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login?error", http.StatusFound) },
				"GET /credentials": say(401, ``),
			})
			client := f.client(t, spin)
			for i, want := range []string{"Gate asks for a log-in", "is not sent again for 1m0s", "is not sent again for 1m0s"} {
				_, err := client.Accounts(t.Context())
				if !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("call %d: %v, want one that is refused with %q", i, err, want)
				}
			}
			if n := f.calls.Load(); n > 2 {
				t.Errorf("%d requests with the wrong password, want one and its log-in", n)
			}
		})
	}
}

// TestLoginDoesNotGetThrough: what a proxy answers says nothing of the password.
func TestLoginDoesNotGetThrough(t *testing.T) {
	for _, status := range []int{404, 429, 502, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			login := inTurn(say(status, ``), func(w http.ResponseWriter, r *http.Request) {
				http.SetCookie(w, &http.Cookie{Name: "SESSION", Value: "1", Path: "/"})
				http.Redirect(w, r, "/", http.StatusFound)
			})
			f := newFake(t, map[string]http.HandlerFunc{
				"POST /login": login,
				"GET /credentials": func(w http.ResponseWriter, r *http.Request) {
					if _, err := r.Cookie("SESSION"); err != nil {
						loginAnswer(w, r)
						return
					}
					say(200, `[]`)(w, r)
				},
			})
			if _, err := f.client(t, "auth: {enabled: true, ldap: {username: cutover, password: hunter2}}").Accounts(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLoginHangs is a log-in that is never answered: nobody waits for it longer than for a call.
func TestLoginHangs(t *testing.T) {
	release := make(chan struct{})
	f := newFake(t, map[string]http.HandlerFunc{"POST /login": func(http.ResponseWriter, *http.Request) { <-release }})
	defer close(release)
	client := f.client(t, "auth: {enabled: true, ldap: {username: cutover, password: hunter2}}")
	client.session.http.Timeout = 0 // as spin's own client for OAuth2 has none
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := client.Accounts(ctx)
		cancel()
		if !errors.Is(err, failure.ErrTransient) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v, want a temporary one", err)
		}
	}
	if n := f.calls.Load(); n != 1 {
		t.Errorf("%d log-ins at once", n)
	}
}
