package iam

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"cutover/reconciler/failure"
)

// What moto cannot be made to say: answers of AWS, and of what is in front of it.
func TestAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   error
	}{
		"no permission is refused":               {answer(403, "AccessDenied", "User is not authorized"), failure.ErrRefused},
		"wrong credentials are refused":          {answer(403, "InvalidClientTokenId", "The token is invalid"), failure.ErrRefused},
		"a document that is too long is refused": {answer(409, "LimitExceeded", "Cannot exceed quota"), failure.ErrRefused},
		"a bad principal is refused":             {answer(400, "MalformedPolicyDocument", "Invalid principal"), failure.ErrRefused},
		"a service's own role is refused":        {answer(400, "UnmodifiableEntity", "protected"), failure.ErrRefused},
		"a concurrent change is a conflict":      {answer(409, "ConcurrentModification", "try again"), failure.ErrConflict},
		"throttling is temporary":                {answer(400, "Throttling", "Rate exceeded"), failure.ErrTransient},
		"a failing service is temporary":         {answer(500, "ServiceFailure", "internal"), failure.ErrTransient},
		"a busy role is temporary":               {answer(409, "EntityTemporarilyUnmodifiable", "wait"), failure.ErrTransient},
		"a bad gateway is temporary":             {status(502, "<html>"), failure.ErrTransient},
		"a broken connection is temporary":       {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, failure.ErrTransient},
		"an answer too late is temporary": {func(_ http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm() // the server notices that the client left only when the body is read
			<-r.Context().Done()
		}, failure.ErrTransient},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", "lab")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
			calls := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls++
				test.answer(w, r)
			}))
			defer server.Close()
			c, err := New(t.Context(), Config{Endpoint: server.URL, Timeout: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			_, readErr := c.Role(t.Context(), "images", newNodes)
			for call, err := range map[string]error{
				"read role images:":                         readErr,
				"trust " + newNodes + " in role images:":    c.Trust(t.Context(), "images", newNodes),
				"distrust " + newNodes + " in role images:": c.Distrust(t.Context(), "images", newNodes),
				"": c.setDocument(t.Context(), "images", "{}"),
			} {
				if !errors.Is(err, test.want) || !strings.HasPrefix(err.Error(), call) || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("%s: %v, want one that is %v", call, err, test.want)
				}
			}
			if calls != 4 {
				t.Errorf("%d requests for 4 calls: the SDK repeated one", calls)
			}
		})
	}
}

func answer(code int, kind, message string) http.HandlerFunc {
	return status(code, `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>`+kind+
		`</Code><Message>`+message+`</Message></Error><RequestId>1</RequestId></ErrorResponse>`)
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

// A page instead of XML passes for a write, whose answer says nothing. Nothing passes for what is read back.
func TestPage(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "lab")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "lab")
	server := httptest.NewServer(status(200, "<html>"))
	defer server.Close()
	c, err := New(t.Context(), Config{Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Role(t.Context(), "images", newNodes)
	wantError(t, err, failure.ErrTransient)
}

// IAM may answer from a replica that has not heard of our write yet.
func TestStaleReading(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "lab")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "lab")
	text := url.PathEscape(`{"Statement":[` + allow(`{"AWS":"`+oldNodes+`"}`) + `]}`)
	server := httptest.NewServer(status(200, `<GetRoleResponse><GetRoleResult><Role><AssumeRolePolicyDocument>`+text+
		`</AssumeRolePolicyDocument></Role></GetRoleResult></GetRoleResponse>`))
	defer server.Close()
	c, err := New(t.Context(), Config{Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, c.Trust(t.Context(), "images", newNodes), failure.ErrTransient)
}

// A policy that AWS itself cannot hold, and that cannot be read, is a problem to tell and not to touch.
func TestUnreadablePolicy(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "lab")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "lab")
	server := httptest.NewServer(status(200, `<GetRoleResponse><GetRoleResult><Role><AssumeRolePolicyDocument>%7B`+
		`</AssumeRolePolicyDocument></Role></GetRoleResult></GetRoleResponse>`))
	defer server.Close()
	c, err := New(t.Context(), Config{Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	role, err := c.Role(t.Context(), "images", newNodes)
	if err != nil || role.Trusts || role.Problem == "" {
		t.Errorf("role = %+v, %v, want one with a problem", role, err)
	}
	wantError(t, c.Trust(t.Context(), "images", newNodes), failure.ErrRefused)
	wantError(t, c.Distrust(t.Context(), "images", newNodes), failure.ErrRefused)
}

func TestNewRefuses(t *testing.T) {
	for name, config := range map[string]Config{
		"an endpoint without scheme": {Endpoint: "iam:443"},
		"credentials":                {Endpoint: "http://u:p@iam"},
		"a negative timeout":         {Timeout: -1},
		"a negative quota":           {PolicyQuota: -1},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(t.Context(), config); err == nil || strings.Contains(err.Error(), "u:p") {
				t.Errorf("error = %v, want one without what was given", err)
			}
		})
	}
}
