package githost_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cutover/gitops/githost"
	"cutover/gitops/review"
	"cutover/reconciler/failure"
)

const token = "t0ken/with+signs"

// patience is short for one test, and longer than a busy machine takes for the others.
const patience = 3 * time.Second

// host is a git host whose answers the test writes.
func host(t *testing.T, kind githost.Kind, handler http.HandlerFunc) *githost.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := githost.New(githost.ClientConfig{
		Kind: kind, Server: server.URL, Repository: "orbit/values", Token: token, Timeout: patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestFailures(t *testing.T) {
	answer := func(status int, body string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		want    error
		says    string
	}{
		{"what is not there", answer(404, `{"message":"Not Found"}`), failure.ErrNotFound, "Not Found"},
		{"a missing right", answer(403, `{"message":"Resource not accessible by token"}`), failure.ErrRefused, "not accessible"},
		{"GitHub's limit", answer(403, `{"message":"slow down"}`, "X-RateLimit-Remaining", "0"), failure.ErrTransient, "slow down"},
		{"GitHub's second limit", answer(403, `{"message":"You have exceeded a secondary rate limit"}`), failure.ErrTransient, "secondary"},
		{"a limit with a pause", answer(403, `{}`, "Retry-After", "60"), failure.ErrTransient, "403"},
		{"too many requests", answer(429, ``), failure.ErrTransient, "Too Many Requests"},
		{"a wrong token", answer(401, `{"message":"Bad credentials"}`), failure.ErrRefused, "Bad credentials"},
		{"a proxy's error", answer(502, `<html>bad gateway</html>`), failure.ErrTransient, "Bad Gateway"},
		{"a proxy's page", answer(200, `<html>log in</html>`), failure.ErrTransient, "JSON"},
		{"half an answer", answer(200, `[{"number":1`), failure.ErrTransient, "JSON"},
		{"a conflict", answer(409, `{"message":"changed"}`), failure.ErrConflict, "changed"},
		{"what the host finds wrong", answer(422, `{"message":"Validation Failed","errors":[{"field":"title","message":"is missing"}]}`), failure.ErrRefused, "Validation Failed; is missing"},
		{"GitLab's words", answer(400, `{"message":{"title":["is too long"]}}`), failure.ErrRefused, "title: is too long"},
		{"Bitbucket's words", answer(400, `{"type":"error","error":{"message":"no branch"}}`), failure.ErrRefused, "no branch"},
		{"a move to another host", answer(302, ``, "Location", "http://127.0.0.1:1/"), failure.ErrRefused, "302"},
		{"a host that repeats the token", answer(400, `{"message":"what is `+token+`?"}`), failure.ErrRefused, "what is [token]?"},
		{"no answer in time", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, failure.ErrTransient, "deadline"},
		{"a lost answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, failure.ErrTransient, "EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := host(t, githost.GitHub, test.handler).Open(t.Context())
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error is %v, want %v and %q", err, test.want, test.says)
			}
			if err != nil && (!strings.HasPrefix(err.Error(), "list open pull requests: ") || strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "127.0.0.1:")) {
				t.Errorf("the error is not as it should be: %v", err)
			}
		})
	}
}

// TestTokenStays: a redirect to another host is not followed, since the token would go with it.
func TestTokenStays(t *testing.T) {
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	t.Cleanup(other.Close)
	for _, kind := range []githost.Kind{githost.GitHub, githost.Gitea, githost.GitLab, githost.Bitbucket, githost.BitbucketServer} {
		client := host(t, kind, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		})
		_, err := client.Open(t.Context())
		if !errors.Is(err, failure.ErrRefused) || reached {
			t.Errorf("%s: %v, reached %t", kind, err, reached)
		}
	}
}

// TestLostAnswer: the comment and the pull request were made, but the answer was lost. The next call finds them.
func TestLostAnswer(t *testing.T) {
	var posts, pulls []string
	client := host(t, githost.Gitea, func(w http.ResponseWriter, r *http.Request) {
		switch path := strings.TrimPrefix(r.URL.Path, "/api/v1/"); {
		case path == "user":
			fmt.Fprint(w, `{"login":"daemon"}`)
		case r.Method == http.MethodPost && strings.HasSuffix(path, "/comments"):
			posts = append(posts, `{"id":1,"user":{"login":"daemon"},"body":"<!-- cutover:plan -->\n\ntext"}`)
			panic(http.ErrAbortHandler)
		case strings.HasSuffix(path, "/comments"):
			fmt.Fprintf(w, "[%s]", strings.Join(posts, ","))
		case r.Method == http.MethodPost && strings.HasSuffix(path, "/pulls"):
			pulls = append(pulls, `{"number":1,"state":"open","title":"t","body":"b","user":{"login":"daemon"},
				"head":{"label":"advance","repo":{"full_name":"orbit/values"}},"base":{"ref":"main"}}`)
			panic(http.ErrAbortHandler)
		case strings.HasSuffix(path, "/pulls"):
			fmt.Fprintf(w, "[%s]", strings.Join(pulls, ","))
		default:
			t.Errorf("%s %s", r.Method, r.URL)
		}
	})
	for _, want := range []error{failure.ErrTransient, nil, nil} {
		if err := client.Comment(t.Context(), 1, "plan", "text"); !errors.Is(err, want) {
			t.Errorf("comment: %v, want %v", err, want)
		}
		if _, err := client.Ensure(t.Context(), review.Draft{Head: "advance", Base: "main", Title: "t", Body: "b"}); !errors.Is(err, want) {
			t.Errorf("ensure: %v, want %v", err, want)
		}
	}
	if len(posts) != 1 || len(pulls) != 1 {
		t.Errorf("%d comments and %d pull requests, want one of each", len(posts), len(pulls))
	}
}

func TestCanceled(t *testing.T) {
	client := host(t, githost.GitHub, func(http.ResponseWriter, *http.Request) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Open(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want one that is context.Canceled", err)
	}
}

func TestNewRefuses(t *testing.T) {
	good := githost.ClientConfig{Kind: githost.GitHub, Repository: "orbit/values", Token: token}
	for name, change := range map[string]func(*githost.ClientConfig){
		"unknown git host":          func(c *githost.ClientConfig) { c.Kind = "bazaar" },
		"token is missing":          func(c *githost.ClientConfig) { c.Token = "" },
		"not owner/name":            func(c *githost.ClientConfig) { c.Repository = "values" },
		`"orbit/.." is not`:         func(c *githost.ClientConfig) { c.Repository = "orbit/.." },
		`"a/b/c" is not owner/name`: func(c *githost.ClientConfig) { c.Repository = "a/b/c" },
		"without credentials":       func(c *githost.ClientConfig) { c.Server = "https://user:" + "pass@git.example.com" },
		"must be an http or https":  func(c *githost.ClientConfig) { c.Server = "git.example.com" },
		"negative":                  func(c *githost.ClientConfig) { c.Timeout = -1 },
	} {
		c := good
		change(&c)
		_, err := githost.New(c)
		if !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "pass@") {
			t.Errorf("got %v, want %q", err, name)
		}
	}
	for _, kind := range []githost.Kind{githost.GitHub, githost.GitLab, githost.Bitbucket} {
		good.Kind = kind
		if _, err := githost.New(good); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
