package alertmanager

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

// What the real server cannot be made to say: each answer is one that its proxies and its bad days give.
func TestAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   error
	}{
		"a server error is temporary":         {status(500, `"no"`), failure.ErrTransient},
		"a bad gateway is temporary":          {status(502, "<html>"), failure.ErrTransient},
		"too many requests is temporary":      {status(429, "slow down"), failure.ErrTransient},
		"a page instead of JSON is temporary": {page, failure.ErrTransient},
		"a missing log-in is refused":         {status(401, "who are you"), failure.ErrRefused},
		"a redirect to a log-in is refused":   {http.RedirectHandler("/login", http.StatusFound).ServeHTTP, failure.ErrRefused},
		"a bad request is refused":            {status(400, `"bad matcher"`), failure.ErrRefused},
		"a broken connection is temporary":    {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, failure.ErrTransient},
		"an answer too late is temporary": {func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(5 * time.Second):
			}
		}, failure.ErrTransient},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.answer)
			defer server.Close()
			c, err := New(Config{URL: server.URL, Username: "lab", Password: "hunter2", Timeout: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			s := evidence.Silence{Matchers: []string{`cluster="old"`}, Starts: time.Now(), Ends: time.Now().Add(time.Hour), Owner: "o", Comment: "c"}
			_, listErr := c.Silences(t.Context(), "o")
			_, createErr := c.Silence(t.Context(), s)
			for call, err := range map[string]error{
				"list silences":  listErr,
				"silence alarms": createErr,
				"read silence":   c.Expire(t.Context(), "4f2cbf3c-5e1f-4e83-8bd8-9b8b8b4b7c5e", "o"),
			} {
				if !errors.Is(err, test.want) || !strings.HasPrefix(err.Error(), call) {
					t.Errorf("%s: %v, want the call's name and one that is %v", call, err, test.want)
				}
				if err != nil && strings.Contains(err.Error(), "hunter2") {
					t.Errorf("%s: the error holds the password", call)
				}
			}
		})
	}
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

func page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	_, _ = w.Write([]byte("<html>log in</html>"))
}

// Older versions answer 500 when a silence has ended already; one that ended meanwhile is no error.
func TestExpireOfOneThatEndsMeanwhile(t *testing.T) {
	state := "active"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			state = "expired"
			status(500, `"silence already expired"`)(w, r)
			return
		}
		status(200, `{"id": "x", "createdBy": "o", "status": {"state": "`+state+`"}}`)(w, r)
	}))
	defer server.Close()
	c, err := New(Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Expire(t.Context(), "4f2cbf3c-5e1f-4e83-8bd8-9b8b8b4b7c5e", "o"); err != nil {
		t.Error(err)
	}
}

func TestLogIn(t *testing.T) {
	for name, test := range map[string]struct {
		config Config
		want   string
	}{
		"a password":   {Config{Username: "u", Password: "p"}, "Basic dTpw"},
		"a token":      {Config{Token: "t"}, "Bearer t"},
		"nothing":      {Config{}, ""},
		"under a path": {Config{URL: "/alertmanager/"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got, path string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got, path = r.Header.Get("Authorization"), r.URL.Path
				status(200, "[]")(w, r)
			}))
			defer server.Close()
			prefix := test.config.URL
			test.config.URL = server.URL + prefix
			c, err := New(test.config)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Silences(t.Context(), "o"); err != nil {
				t.Fatal(err)
			}
			if got != test.want || path != strings.TrimRight(prefix, "/")+"/api/v2/silences" {
				t.Errorf("Authorization %q at %s, want %q", got, path, test.want)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for name, config := range map[string]Config{
		"no URL":                {},
		"a host without scheme": {URL: "alertmanager:9093"},
		"another scheme":        {URL: "ftp://alertmanager"},
		"credentials":           {URL: "http://u:p@alertmanager"},
		"a negative timeout":    {URL: "http://alertmanager", Timeout: -1},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(config); err == nil || strings.Contains(err.Error(), "u:p") {
				t.Errorf("error = %v, want one without what was given", err)
			}
		})
	}
}
