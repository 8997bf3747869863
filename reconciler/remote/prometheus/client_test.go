package prometheus

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cutover/reconciler/failure"
)

// What the real server cannot be made to say.
func TestAnswers(t *testing.T) {
	const hint = `metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"requests\" (1:6)`
	const number = `{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}`
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   error
	}{
		"a server error is temporary":         {status(500, `{"status":"error","errorType":"internal","error":"storage"}`), failure.ErrTransient},
		"an overloaded server is temporary":   {status(503, `{"status":"error","errorType":"timeout","error":"query timed out"}`), failure.ErrTransient},
		"a bad gateway is temporary":          {status(502, "<html>"), failure.ErrTransient},
		"too many requests is temporary":      {status(429, "slow down"), failure.ErrTransient},
		"a page instead of JSON is temporary": {status(200, "<html>"), failure.ErrTransient},
		"a part of the data is temporary":     {status(200, number+`,"warnings":["store gateway timed out"]}`), failure.ErrTransient},
		"a query that is stopped is refused":  {status(422, `{"status":"error","errorType":"execution","error":"too many samples"}`), failure.ErrRefused},
		"a missing log-in is refused":         {status(401, "who are you"), failure.ErrRefused},
		"a wrong address is refused":          {status(404, "not found"), failure.ErrRefused},
		"a redirect to a log-in is refused":   {http.RedirectHandler("/login", http.StatusFound).ServeHTTP, failure.ErrRefused},
		"a broken connection is temporary":    {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, failure.ErrTransient},
		"an answer too late is temporary": {func(_ http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm() // the server notices that the client left only when the body is read
			<-r.Context().Done()
		}, failure.ErrTransient},
		"a warning of PromQL is temporary": {status(200, number+`,"warnings":["PromQL warning: bucket label \"le\" is missing"]}`), failure.ErrTransient},
		"a hint hides no warning":          {status(200, number+`,"warnings":["PromQL info: `+hint+`","store gateway timed out"]}`), failure.ErrTransient},
		"a hint about a query is none":     {status(200, number+`,"warnings":["PromQL info: `+hint+`"]}`), nil},
		"a good answer is none":            {status(200, number+"}"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.answer)
			defer server.Close()
			c, err := New(Config{URL: server.URL, Username: "lab", Password: "hunter2", Timeout: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Measure(t.Context(), "up")
			if !errors.Is(err, test.want) {
				t.Errorf("error is %v, want one that is %v", err, test.want)
			}
			if err != nil && (!strings.HasPrefix(err.Error(), "query up: ") || strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("error %q, want the query in front and no password", err)
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

func TestLogIn(t *testing.T) {
	for name, test := range map[string]struct {
		config Config
		want   string
	}{
		"a password": {Config{Username: "u", Password: "p"}, "Basic dTpw"},
		"a token":    {Config{Token: "t"}, "Bearer t"},
		"nothing":    {Config{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got, path string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got, path = r.Header.Get("Authorization"), r.URL.Path
				status(200, `{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`)(w, r)
			}))
			defer server.Close()
			test.config.URL = server.URL + "/prefix/"
			c, err := New(test.config)
			if err != nil {
				t.Fatal(err)
			}
			if number, err := c.Measure(t.Context(), "up"); err != nil || number != 2 {
				t.Fatalf("Measure = %v, %v", number, err)
			}
			if got != test.want || path != "/prefix/api/v1/query" {
				t.Errorf("Authorization %q at %s, want %q", got, path, test.want)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for name, config := range map[string]Config{
		"no URL":                {},
		"a host without scheme": {URL: "prometheus:9090"},
		"another scheme":        {URL: "ftp://prometheus"},
		"credentials":           {URL: "http://u:p@prometheus"},
		"a negative timeout":    {URL: "http://prometheus", Timeout: -1},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(config); err == nil || strings.Contains(err.Error(), "u:p") {
				t.Errorf("error = %v, want one without what was given", err)
			}
		})
	}
}
