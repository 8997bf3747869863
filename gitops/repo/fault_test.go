package repo_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// cutAfter lets git answer and closes the connection after so many bytes of the answers to requests for a path.
func cutAfter(path string, bytes int) fault {
	return func(w http.ResponseWriter, r *http.Request, git http.Handler) {
		if !strings.HasSuffix(r.URL.Path, path) {
			git.ServeHTTP(w, authorized(r))
			return
		}
		answer := httptest.NewRecorder()
		git.ServeHTTP(answer, authorized(r))
		for key, values := range answer.Header() {
			w.Header()[key] = values
		}
		body := answer.Body.Bytes()
		w.WriteHeader(answer.Code)
		_, _ = w.Write(body[:min(bytes, len(body))])
		panic(http.ErrAbortHandler)
	}
}

// authorized is the request as git sees it behind a proxy that checks credentials.
func authorized(r *http.Request) *http.Request {
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	return r
}

// hang answers nothing until the client goes away.
func hang(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func glob(t testing.TB, dir string, patterns ...string) []string {
	t.Helper()
	var files []string
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	return files
}

// watchPushes counts the pushes to a server from now on.
func watchPushes(s *server) (count func() int) {
	var n atomic.Int64
	s.fail(func(w http.ResponseWriter, r *http.Request, git http.Handler) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "git-receive-pack") {
			n.Add(1)
		}
		git.ServeHTTP(w, authorized(r))
	})
	return func() int { return int(n.Load()) }
}
