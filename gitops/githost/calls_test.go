package githost_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/githost"
	"cutover/gitops/review"
	"cutover/reconciler/failure"
)

// TestCalls counts what repeating costs: nothing for what is so already, and one call for what is another.
func TestCalls(t *testing.T) {
	const comment, list, status, statuses = "PATCH issues/comments/7", "GET issues/1/comments", "GET commits/c/status", "POST statuses/c"
	var calls []string
	said, broken, deleted := "[]", false, false
	client := host(t, githost.Gitea, func(w http.ResponseWriter, r *http.Request) {
		call := r.Method + " " + strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/api/v1/"), "repos/orbit/values/")
		calls = append(calls, call)
		switch call {
		case list:
			fmt.Fprint(w, said)
		case "POST issues/1/comments":
			said = `[{"id":7,"user":{"login":"daemon"},"body":"<!-- cutover:plan -->\n\none"}]`
			fmt.Fprint(w, `{}`)
		case comment:
			if deleted {
				deleted, said = false, "[]"
				w.WriteHeader(http.StatusNotFound)
			}
			fmt.Fprint(w, `{}`)
		case status:
			fmt.Fprint(w, `{"statuses":[{"context":"theirs","status":"failure"}]}`)
		case statuses:
			if broken {
				w.WriteHeader(http.StatusBadGateway)
			}
			fmt.Fprint(w, `{}`)
		default:
			fmt.Fprint(w, `{"login":"daemon"}`)
		}
	})
	costs := func(what string, err, wantErr error, want ...string) {
		t.Helper()
		if !errors.Is(err, wantErr) {
			t.Errorf("%s: %v, want %v", what, err, wantErr)
		}
		if diff := cmp.Diff(want, calls); diff != "" {
			t.Errorf("%s costs (-want +got):\n%s", what, diff)
		}
		calls = nil
	}
	set := func(state review.StatusState) error {
		return client.SetStatus(t.Context(), "c", review.Status{Context: "ours", State: state})
	}
	costs("the first status", set(review.Pending), nil, status, statuses)
	costs("the same status", set(review.Pending), nil)
	costs("another status", set(review.Success), nil, statuses)
	broken = true
	costs("a status whose answer is lost", set(review.Failure), failure.ErrTransient, statuses)
	broken = false
	costs("the status after that", set(review.Failure), nil, status, statuses)
	costs("a status that was read beside it", client.SetStatus(t.Context(), "c", review.Status{Context: "theirs", State: review.Failure}), nil)
	_, err := client.Statuses(t.Context(), "c")
	costs("what is asked", err, nil, status)

	say := func(text string) error { return client.Comment(t.Context(), 1, "plan", text) }
	costs("the first comment", say("one"), nil, "GET user", list, "POST issues/1/comments", list)
	costs("the same comment", say("one"), nil)
	costs("another comment", say("two"), nil, comment)
	deleted = true
	costs("a comment that was deleted", say("one"), nil, comment, list, "POST issues/1/comments", list)
}
