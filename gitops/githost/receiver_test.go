package githost_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/githost"
	"cutover/reconciler/failure"
)

const (
	secret = "s3cret"
	before = "a10867b14bb761a232cd80139fbd4c0d33264240"
	after  = "199eddf46df50de8d02e99bf1c5fdb4101338224"
	none   = "0000000000000000000000000000000000000000"
)

// githubPush is what GitHub and Gitea send, as far as it matters.
func githubPush(ref, before, after string) string {
	return fmt.Sprintf(`{"ref":%q,"before":%q,"after":%q,"deleted":%t,"head_commit":null,"commits":[],
		"repository":{"id":1,"name":"values","full_name":"orbit/values","owner":{"login":"orbit","username":"orbit"}},
		"pusher":{"login":"dev"},"sender":{"login":"dev"}}`, ref, before, after, after == none)
}

func gitlabPush(ref, before, after string) string {
	return fmt.Sprintf(`{"object_kind":"push","event_name":"push","ref":%q,"before":%q,"after":%q,"checkout_sha":null,
		"project":{"id":1,"name":"values","path_with_namespace":"orbit/values"},"commits":[]}`, ref, before, after)
}

func bitbucketPush(branch, after string) string {
	return fmt.Sprintf(`{"repository":{"full_name":"orbit/values","uuid":"{1}"},"actor":{"account_id":"1"},
		"push":{"changes":[{"old":null,"new":{"type":"branch","name":%q,"target":{"hash":%q}}}]}}`, branch, after)
}

func serverPush(ref, after string) string {
	return fmt.Sprintf(`{"eventKey":"repo:refs_changed","actor":{"name":"dev"},"repository":{"slug":"values","project":{"key":"ORB"}},
		"changes":[{"ref":{"id":%q,"type":"BRANCH"},"refId":%q,"fromHash":%q,"toHash":%q,"type":"UPDATE"}]}`, ref, ref, before, after)
}

func sign(body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

// headers are those that a git host sends with a body.
func headers(kind githost.Kind, event, body string) http.Header {
	h := make(http.Header)
	set := func(pairs ...string) {
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
	}
	switch kind {
	case githost.GitHub:
		set("X-GitHub-Event", event, "X-GitHub-Delivery", "d1", "X-Hub-Signature-256", "sha256="+sign(body))
	case githost.Gitea:
		set("X-Gitea-Event", event, "X-Gitea-Delivery", "d1", "X-Gitea-Signature", sign(body), "X-Hub-Signature-256", "sha256="+sign(body))
	case githost.Bitbucket:
		set("X-Event-Key", event, "X-Request-UUID", "d1", "X-Hub-Signature", "sha256="+sign(body))
	case githost.BitbucketServer:
		set("X-Event-Key", event, "X-Request-Id", "d1", "X-Hub-Signature", "sha256="+sign(body))
	case githost.GitLab:
		set("X-Gitlab-Event", event, "X-Gitlab-Event-UUID", "d1", "X-Gitlab-Token", secret)
	}
	return h
}

func receiver(t testing.TB, kind githost.Kind) *githost.Receiver {
	t.Helper()
	r, err := githost.NewReceiver(githost.Config{Kind: kind, Secret: []byte(secret)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func post(header http.Header, body string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, "/webhook", strings.NewReader(body))
	req.Header = header
	return req
}

func TestParse(t *testing.T) {
	push := githost.Event{Kind: githost.Push, Repository: "orbit/values", Branch: "migration/eks", Before: before, After: after, Delivery: "d1"}
	with := func(e githost.Event, change func(*githost.Event)) githost.Event {
		change(&e)
		return e
	}
	created := with(push, func(e *githost.Event) { e.Before = "" })
	deleted := with(push, func(e *githost.Event) { e.After = "" })
	tag := with(push, func(e *githost.Event) { e.Branch = "" })
	other := githost.Event{Kind: githost.Other, Delivery: "d1"}
	said := githost.Event{Kind: githost.Review, Delivery: "d1"}
	cloud, server := bitbucketPush("migration/eks", after), serverPush("refs/heads/migration/eks", after)

	for _, test := range []struct {
		name  string
		kind  githost.Kind
		event string
		body  string
		want  githost.Event
	}{
		{"GitHub push", githost.GitHub, "push", githubPush("refs/heads/migration/eks", before, after), push},
		{"GitHub creates", githost.GitHub, "push", githubPush("refs/heads/migration/eks", none, after), created},
		{"GitHub deletes", githost.GitHub, "push", githubPush("refs/heads/migration/eks", before, none), deleted},
		{"GitHub tag", githost.GitHub, "push", githubPush("refs/tags/v1", before, after), tag},
		{"GitHub ping", githost.GitHub, "ping", `{"zen":"z","repository":{"full_name":"orbit/values"}}`,
			githost.Event{Kind: githost.Ping, Repository: "orbit/values", Delivery: "d1"}},
		{"GitHub ping of an organization", githost.GitHub, "ping", `{"zen":"z"}`, githost.Event{Kind: githost.Ping, Delivery: "d1"}},
		{"GitHub pull request", githost.GitHub, "pull_request", `{"action":"opened"}`, said},
		{"GitHub review", githost.GitHub, "pull_request_review", `{}`, said},
		{"GitHub comment", githost.GitHub, "issue_comment", `{}`, said},
		{"GitHub something new", githost.GitHub, "telepathy", `?`, other},
		{"Gitea push", githost.Gitea, "push", githubPush("refs/heads/migration/eks", before, after), push},
		{"Gitea creates", githost.Gitea, "push", githubPush("refs/heads/migration/eks", none, after), created},
		{"Gitea comment", githost.Gitea, "issue_comment", `{"issue":{"pull_request":{}}}`, said},
		{"Gitea approval", githost.Gitea, "pull_request_approved", `{}`, said},
		{"GitLab push", githost.GitLab, "Push Hook", gitlabPush("refs/heads/migration/eks", before, after), created}, // go-scm drops before
		{"GitLab deletes", githost.GitLab, "Push Hook", gitlabPush("refs/heads/migration/eks", before, none), deleted},
		{"GitLab note", githost.GitLab, "Note Hook", `{}`, said},
		{"GitLab merge request", githost.GitLab, "Merge Request Hook", `{}`, said},
		{"GitLab job", githost.GitLab, "Job Hook", `{}`, other},
		{"Bitbucket push", githost.Bitbucket, "repo:push", cloud, created},
		{"Bitbucket merge", githost.Bitbucket, "pullrequest:fulfilled", `{}`, said},
		{"Bitbucket Server push", githost.BitbucketServer, "repo:refs_changed", server, with(created, func(e *githost.Event) { e.Repository = "ORB/values" })},
		{"Bitbucket Server approval", githost.BitbucketServer, "pr:reviewer:approved", `{}`, said},
		{"Bitbucket Server tries it", githost.BitbucketServer, "diagnostics:ping", `{"test":true}`, other},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := receiver(t, test.kind).Parse(post(headers(test.kind, test.event, test.body), test.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHandler(t *testing.T) {
	push := githubPush("refs/heads/main", before, after)
	for _, test := range []struct {
		name   string
		kind   githost.Kind
		method string
		change func(http.Header)
		body   string
		want   int
	}{
		{"accepted", githost.GitHub, "POST", nil, push, 202},
		{"accepted by Gitea's signature alone", githost.Gitea, "POST", del("X-Hub-Signature-256"), push, 202},
		{"accepted by GitHub's signature from Gitea", githost.Gitea, "POST", del("X-Gitea-Signature"), push, 202},
		{"GET", githost.GitHub, "GET", nil, push, 405},
		{"no signature", githost.GitHub, "POST", del("X-Hub-Signature-256"), push, 401},
		{"no signature from Gitea", githost.Gitea, "POST", del("X-Hub-Signature-256", "X-Gitea-Signature"), push, 401},
		{"wrong signature", githost.GitHub, "POST", set("X-Hub-Signature-256", "sha256="+sign("other")), push, 401},
		{"wrong Gitea signature beside a right one", githost.Gitea, "POST", set("X-Gitea-Signature", sign("other")), push, 401},
		{"signature without a prefix", githost.GitHub, "POST", set("X-Hub-Signature-256", sign(push)), push, 401},
		{"signature of another kind", githost.GitHub, "POST", set("X-Hub-Signature-256", "sha1="+sign(push)), push, 401},
		{"signature that is no hex", githost.GitHub, "POST", set("X-Hub-Signature-256", "sha256=zz"), push, 401},
		{"empty signature", githost.GitHub, "POST", set("X-Hub-Signature-256", "sha256="), push, 401},
		{"the secret in the body", githost.Gitea, "POST", del("X-Hub-Signature-256", "X-Gitea-Signature"), `{"secret":"` + secret + `"}`, 401},
		{"wrong token", githost.GitLab, "POST", set("X-Gitlab-Token", "other"), gitlabPush("refs/heads/main", before, after), 401},
		{"no token", githost.GitLab, "POST", del("X-Gitlab-Token"), gitlabPush("refs/heads/main", before, after), 401},
		{"accepted from Bitbucket", githost.Bitbucket, "POST", nil, bitbucketPush("main", after), 202},
		{"no signature from Bitbucket", githost.Bitbucket, "POST", del("X-Hub-Signature"), bitbucketPush("main", after), 401},
		{"SHA-1 from Bitbucket", githost.Bitbucket, "POST", set("X-Hub-Signature", "sha1="+sign("x")), bitbucketPush("main", after), 401},
		{"wrong signature from Bitbucket Server", githost.BitbucketServer, "POST", set("X-Hub-Signature", "sha256="+sign("x")), serverPush("refs/heads/main", after), 401},
		{"empty body", githost.GitHub, "POST", nil, "", 400},
		{"null", githost.GitHub, "POST", nil, "null", 400},
		{"no JSON", githost.GitHub, "POST", nil, "payload=%7B%7D", 400},
		{"JSON of something else", githost.Gitea, "POST", nil, `{"ref":["a"]}`, 400},
		{"no repository", githost.Gitea, "POST", nil, `{"ref":"refs/heads/main"}`, 400}, // a panic in go-scm
		{"no ref", githost.GitLab, "POST", nil, `{"object_kind":"push"}`, 400},
		{"as large as allowed", githost.GitHub, "POST", nil, push + strings.Repeat(" ", 1<<20-len(push)), 202},
		{"too large", githost.GitHub, "POST", nil, push + strings.Repeat(" ", 1<<20-len(push)+1), 413},
		{"too large and not signed", githost.GitHub, "POST", del("X-Hub-Signature-256"), strings.Repeat("x", 2<<20), 413},
	} {
		t.Run(test.name, func(t *testing.T) {
			event := "push"
			switch test.kind {
			case githost.GitLab:
				event = "Push Hook"
			case githost.Bitbucket:
				event = "repo:push"
			case githost.BitbucketServer:
				event = "repo:refs_changed"
			default: // "push" it is
			}
			req := post(headers(test.kind, event, test.body), test.body)
			req.Method = test.method
			if test.change != nil {
				test.change(req.Header)
			}
			woken := 0
			w := httptest.NewRecorder()
			receiver(t, test.kind).Handler(func(githost.Event) { woken++ }).ServeHTTP(w, req)
			if w.Code != test.want {
				t.Errorf("answered %d %s, want %d", w.Code, w.Body, test.want)
			}
			if want := w.Code == 202; (woken == 1) != want {
				t.Errorf("woken %d times", woken)
			}
			if strings.Contains(w.Body.String(), secret) {
				t.Errorf("the answer shows the secret: %s", w.Body)
			}
			if w.Code == 405 && w.Header().Get("Allow") != "POST" {
				t.Error("the answer does not say what is allowed")
			}
		})
	}
}

func TestNewReceiverRefuses(t *testing.T) {
	for _, test := range []struct {
		config githost.Config
		want   string
	}{
		{githost.Config{Kind: githost.GitHub}, "secret is missing"},
		{githost.Config{Kind: "bazaar", Secret: []byte(secret)}, `unknown git host "bazaar"`},
		{githost.Config{Kind: githost.Gitea, Secret: []byte(secret), MaxBody: -1}, "negative"},
	} {
		_, err := githost.NewReceiver(test.config)
		if !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), secret) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

func del(names ...string) func(http.Header) {
	return func(h http.Header) {
		for _, name := range names {
			h.Del(name)
		}
	}
}

func set(name, value string) func(http.Header) {
	return func(h http.Header) { h.Set(name, value) }
}
