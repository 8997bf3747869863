package githost_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/githost"
	"cutover/gitops/review"
)

const (
	head  = "1111111111111111111111111111111111111111"
	merge = "2222222222222222222222222222222222222222"
	base  = "3333333333333333333333333333333333333333"
)

// answers are a host's answers by "METHOD path"; a write is answered with what is there for it, or with {}.
type answers map[string]string

// fixture has, on each product, the open pull request 1 from advance into main, and 2 from x, which the user rev approved
// and boss merged into main.
var fixtures = map[githost.Kind]answers{
	githost.GitHub: {
		"GET user":                      `{"login":"daemon"}`,
		"GET repos/orbit/values/pulls":  `[` + githubPull1 + `]`,
		"POST repos/orbit/values/pulls": githubPull1, "PATCH repos/orbit/values/pulls/1": githubPull1,
		"GET repos/orbit/values/pulls/1": githubPull1,
		"GET repos/orbit/values/pulls/2": `{"number":2,"html_url":"u2","state":"closed","user":{"login":"daemon"},"merged_at":"2026-01-02T00:00:00Z","merged_by":{"login":"boss"},
			"merge_commit_sha":"` + merge + `","head":{"ref":"x","sha":"` + head + `","repo":null},"base":{"ref":"main"}}`,
		"GET repos/orbit/values/pulls/1/files":               `[{"filename":"b","previous_filename":"a","status":"renamed"}]`,
		"GET repos/orbit/values/pulls/2/commits":             `[{"sha":"` + base + `","commit":{"message":"first"}},{"sha":"` + head + `","author":{"login":"daemon"},"commit":{"message":"m","author":{"date":"2026-01-01T00:00:00Z"}}}]`,
		"GET repos/orbit/values/commits/" + merge:            `{"sha":"` + merge + `","commit":{"author":{"date":"2026-01-02T00:00:00Z"}}}`,
		"GET repos/orbit/values/commits/" + merge + "/pulls": `[{"number":1},{"number":2}]`,
		"GET repos/orbit/values/pulls/1/reviews":             `[]`,
		"GET repos/orbit/values/pulls/2/reviews": `[{"id":1,"user":{"login":"rev"},"state":"APPROVED","commit_id":"` + head + `","submitted_at":"2026-01-01T12:00:00Z"},
			{"id":2,"user":{"login":"late"},"state":"APPROVED","commit_id":"` + head + `","submitted_at":"2026-01-03T00:00:00Z"},
			{"id":3,"user":{"login":"stale"},"state":"APPROVED","commit_id":"` + base + `","submitted_at":"2026-01-01T12:00:00Z"},
			{"id":4,"user":{"login":"gone"},"state":"DISMISSED","commit_id":"` + head + `","submitted_at":"2026-01-01T12:00:00Z"},
			{"id":5,"user":{"login":"daemon"},"state":"APPROVED","commit_id":"` + head + `","submitted_at":"2026-01-01T12:00:00Z"}]`,
		"GET repos/orbit/values/issues/1/comments":           `[{"id":7,"user":{"login":"daemon"},"body":"<!-- cutover:plan -->\n\nold","created_at":"2026-01-01T00:00:00Z"}]`,
		"PATCH repos/orbit/values/issues/comments/7":         `{}`,
		"GET repos/orbit/values/contents/a%20b":              "text",
		"GET repos/orbit/values/commits/" + head + "/status": `{"statuses":[{"context":"c","state":"pending","description":"d","target_url":"u"}]}`,
		"POST repos/orbit/values/statuses/" + head:           `{}`,
	},
	githost.GitLab: {
		"GET user": `{"username":"daemon"}`,
		"GET projects/orbit%2Fvalues/merge_requests":  `[` + gitlabPull1 + `]`,
		"POST projects/orbit%2Fvalues/merge_requests": gitlabPull1, "PUT projects/orbit%2Fvalues/merge_requests/1": gitlabPull1,
		"GET projects/orbit%2Fvalues/merge_requests/1": gitlabPull1,
		"GET projects/orbit%2Fvalues/merge_requests/2": `{"iid":2,"web_url":"u2","state":"merged","author":{"username":"daemon"},"source_branch":"x","target_branch":"main","sha":"` + head + `",
			"merged_at":"2026-01-02T00:00:00Z","merge_user":{"username":"boss"},"merge_commit_sha":null,"squash_commit_sha":"` + merge + `"}`,
		"GET projects/orbit%2Fvalues/merge_requests/1/diffs":                          `[{"old_path":"a","new_path":"b","renamed_file":true}]`,
		"GET projects/orbit%2Fvalues/merge_requests/2/commits":                        `[{"id":"` + head + `","message":"m"},{"id":"` + base + `","message":"first"}]`,
		"GET projects/orbit%2Fvalues/repository/commits/" + merge:                     `{"id":"` + merge + `","authored_date":"2026-01-02T00:00:00Z"}`,
		"GET projects/orbit%2Fvalues/repository/commits/" + merge + "/merge_requests": `[{"iid":1},{"iid":2}]`,
		"GET projects/orbit%2Fvalues/merge_requests/1/approvals":                      `{"approved_by":[]}`,
		"GET projects/orbit%2Fvalues/merge_requests/1/versions":                       `[]`,
		"GET projects/orbit%2Fvalues/merge_requests/2/approvals":                      `{"approved_by":[{"user":{"username":"rev"}},{"user":{"username":"stale"}}]}`,
		"GET projects/orbit%2Fvalues/merge_requests/2/versions": `[{"head_commit_sha":"` + head + `","created_at":"2026-01-01T10:00:00Z"},
			{"head_commit_sha":"` + base + `","created_at":"2026-01-01T00:00:00Z"}]`,
		"GET projects/orbit%2Fvalues/merge_requests/2/notes": `[{"id":1,"system":true,"body":"approved this merge request","author":{"username":"rev"},"created_at":"2026-01-01T12:00:00Z"},
			{"id":2,"system":true,"body":"approved this merge request","author":{"username":"stale"},"created_at":"2026-01-01T09:00:00Z"},
			{"id":3,"system":false,"body":"approved this merge request","author":{"username":"joker"},"created_at":"2026-01-01T12:00:00Z"},
			{"id":4,"system":true,"body":"approved this merge request","author":{"username":"gone"},"created_at":"2026-01-01T12:00:00Z"}]`,
		"GET projects/orbit%2Fvalues/merge_requests/1/notes": `[{"id":7,"author":{"username":"daemon"},"body":"<!-- cutover:plan -->\n\nold","created_at":"2026-01-01T00:00:00Z"},
			{"id":8,"system":true,"author":{"username":"daemon"},"body":"changed the title"}]`,
		"PUT projects/orbit%2Fvalues/merge_requests/1/notes/7":                 `{}`,
		"GET projects/orbit%2Fvalues/repository/files/a%20b/raw":               "text",
		"GET projects/orbit%2Fvalues/repository/commits/" + head + "/statuses": `[{"id":1,"name":"c","status":"failed"},{"id":2,"name":"c","status":"pending","description":"d","target_url":"u"}]`,
		"POST projects/orbit%2Fvalues/statuses/" + head:                        `{}`,
	},
	githost.Bitbucket: {
		"GET user": `{"account_id":"daemon"}`,
		"GET repositories/orbit/values/pullrequests":  `{"values":[` + cloudPull1 + `]}`,
		"POST repositories/orbit/values/pullrequests": cloudPull1, "PUT repositories/orbit/values/pullrequests/1": cloudPull1,
		"POST repositories/orbit/values/pullrequests/1/decline": `{}`,
		"GET repositories/orbit/values/pullrequests/1":          cloudPull1,
		"GET repositories/orbit/values/pullrequests/2": `{"id":2,"state":"MERGED","author":{"account_id":"daemon"},"closed_by":{"account_id":"boss"},"merge_commit":{"hash":"222222222222"},"updated_on":"2026-02-01T00:00:00Z",
			"source":{"branch":{"name":"x"},"commit":{"hash":"111111111111"}},"destination":{"branch":{"name":"main"}},"links":{"html":{"href":"u2"}},
			"participants":[{"user":{"account_id":"rev"},"approved":true},{"user":{"account_id":"stale"},"approved":true},{"user":{"account_id":"late"},"approved":true},{"user":{"account_id":"gone"},"approved":false}]}`,
		"GET repositories/orbit/values/pullrequests/1/diffstat": `{"values":[{"old":{"path":"a"},"new":{"path":"b"}},{"old":null,"new":{"path":"b"}}]}`,
		"GET repositories/orbit/values/pullrequests/2/commits":  `{"values":[{"hash":"` + head + `","message":"m"},{"hash":"` + base + `","message":"first"}]}`,
		"GET repositories/orbit/values/commit/" + merge:         `{"hash":"` + merge + `","date":"2026-01-02T00:00:00Z"}`,
		"GET repositories/orbit/values/commit/222222222222":     `{"hash":"` + merge + `","date":"2026-01-02T00:00:00Z"}`,
		"GET repositories/orbit/values/commit/111111111111":     `{"hash":"` + head + `"}`,
		"GET repositories/orbit/values/pullrequests/1/activity": `{"values":[]}`,
		"GET repositories/orbit/values/pullrequests/2/activity": `{"values":[{"update":{"state":"MERGED","date":"2026-01-02T00:00:00Z","source":{"commit":{"hash":"111111111111"}}}},
			{"approval":{"date":"2026-01-03T00:00:00Z","user":{"account_id":"late"}}},{"approval":{"date":"2026-01-01T12:00:00Z","user":{"account_id":"rev"}}},
			{"approval":{"date":"2026-01-01T12:00:00Z","user":{"account_id":"gone"}}},{"update":{"state":"OPEN","date":"2026-01-01T10:00:00Z","source":{"commit":{"hash":"111111111111"}}}},
			{"approval":{"date":"2026-01-01T09:00:00Z","user":{"account_id":"stale"}}},{"update":{"state":"OPEN","date":"2026-01-01T00:00:00Z","source":{"commit":{"hash":"333333333333"}}}}]}`,
		"GET repositories/orbit/values/pullrequests/1/comments": `{"values":[{"id":7,"user":{"account_id":"daemon"},"content":{"raw":"[//]: # (cutover:plan)\n\nold"},"created_on":"2026-01-01T00:00:00Z"},
			{"id":8,"deleted":true,"user":{"account_id":"daemon"}}]}`,
		"PUT repositories/orbit/values/pullrequests/1/comments/7":           `{}`,
		"GET repositories/orbit/values/src/" + base + "/a%20b?format=meta":  `{"type":"commit_file"}`,
		"GET repositories/orbit/values/src/" + base + "/a%20b":              "text",
		"GET repositories/orbit/values/commit/" + head + "/statuses":        `{"values":[{"key":"c","name":"c","state":"INPROGRESS","description":"d","url":"u"}]}`,
		"POST repositories/orbit/values/commit/" + head + "/statuses/build": `{}`,
	},
	githost.BitbucketServer: {
		"GET plugins/servlet/applinks/whoami":                                "daemon",
		"GET projects/orbit/repos/values/pull-requests":                      `{"isLastPage":true,"values":[` + serverPull1 + `]}`,
		"POST projects/orbit/repos/values/pull-requests":                     serverPull1,
		"PUT projects/orbit/repos/values/pull-requests/1":                    serverPull1,
		"POST projects/orbit/repos/values/pull-requests/1/decline?version=3": `{}`,
		"GET projects/orbit/repos/values/pull-requests/1":                    serverPull1,
		"GET projects/orbit/repos/values/pull-requests/2": `{"id":2,"state":"MERGED","author":{"user":{"name":"daemon"}},"closedDate":1767312000000,"properties":{"mergeCommit":{"id":"` + merge + `"}},
			"fromRef":{"displayId":"x","latestCommit":"` + head + `"},"toRef":{"displayId":"main"},"links":{"self":[{"href":"u2"}]},
			"reviewers":[{"user":{"name":"rev"},"status":"APPROVED","lastReviewedCommit":"` + head + `"},{"user":{"name":"stale"},"status":"APPROVED","lastReviewedCommit":"` + base + `"}],
			"participants":[{"user":{"name":"gone"},"status":"UNAPPROVED","lastReviewedCommit":"` + head + `"},{"user":{"name":"late"},"status":"APPROVED","lastReviewedCommit":"` + head + `"}]}`,
		"GET projects/orbit/repos/values/pull-requests/1/changes":             `{"isLastPage":true,"values":[{"path":{"toString":"b"},"srcPath":{"toString":"a"}}]}`,
		"GET projects/orbit/repos/values/pull-requests/2/commits":             `{"isLastPage":true,"values":[{"id":"` + head + `","message":"m"},{"id":"` + base + `","message":"first"}]}`,
		"GET projects/orbit/repos/values/commits/" + merge:                    `{"id":"` + merge + `"}`,
		"GET projects/orbit/repos/values/commits/" + merge + "/pull-requests": `{"isLastPage":true,"values":[{"id":1},{"id":2}]}`,
		"GET projects/orbit/repos/values/pull-requests/2/activities": `{"isLastPage":true,"values":[{"id":9,"action":"MERGED","user":{"name":"boss"},"createdDate":1767312000000},
			{"id":4,"action":"APPROVED","user":{"name":"late"},"createdDate":1767398400000},{"id":1,"action":"APPROVED","user":{"name":"rev"},"createdDate":1767268800000},
			{"id":2,"action":"APPROVED","user":{"name":"stale"},"createdDate":1767268800000},{"id":3,"action":"APPROVED","user":{"name":"gone"},"createdDate":1767268800000}]}`,
		"GET projects/orbit/repos/values/pull-requests/1/activities": `{"isLastPage":true,"values":[{"id":1,"action":"COMMENTED","commentAction":"ADDED",
			"comment":{"id":7,"version":2,"author":{"name":"daemon"},"text":"[//]: # (cutover:plan)\n\nold","createdDate":1767225600000}},{"action":"RESCOPED"}]}`,
		"GET projects/orbit/repos/values/pull-requests/1/comments/7": `{"id":7,"version":2}`,
		"PUT projects/orbit/repos/values/pull-requests/1/comments/7": `{}`,
		"GET projects/orbit/repos/values/raw/a%20b":                  "text",
		"GET build-status/1.0/commits/" + head:                       `{"isLastPage":true,"values":[{"key":"c","name":"c","state":"INPROGRESS","description":"d","url":"u"}]}`,
		"POST build-status/1.0/commits/" + head:                      ``,
	},
}

const (
	githubPull1 = `{"number":1,"html_url":"u1","title":"t","body":"b","state":"open","user":{"login":"daemon"},"merge_commit_sha":"` + base + `",
		"head":{"ref":"advance","sha":"` + head + `","repo":{"full_name":"Orbit/values"}},"base":{"ref":"main"}}`
	gitlabPull1 = `{"iid":1,"web_url":"u1","title":"t","description":"b","state":"opened","author":{"username":"daemon"},"sha":"` + head + `",
		"source_branch":"advance","target_branch":"main","source_project_id":5,"target_project_id":5,"changes_count":"1"}`
	cloudPull1 = `{"id":1,"title":"t","description":"b","state":"OPEN","author":{"account_id":"daemon"},"links":{"html":{"href":"u1"}},
		"source":{"branch":{"name":"advance"},"commit":{"hash":"111111111111"},"repository":{"full_name":"orbit/values"}},"destination":{"branch":{"name":"main"}}}`
	serverPull1 = `{"id":1,"version":3,"title":"t","description":"b","state":"OPEN","author":{"user":{"name":"daemon"}},"links":{"self":[{"href":"u1"}]},
		"fromRef":{"displayId":"advance","latestCommit":"` + head + `","repository":{"slug":"values","project":{"key":"ORBIT"}}},"toRef":{"displayId":"main"},"reviewers":[]}`
)

// TestProducts: each product's answers become the same nouns, and each write is the call that its documentation names.
func TestProducts(t *testing.T) {
	for kind, fixture := range fixtures {
		t.Run(string(kind), func(t *testing.T) {
			var writes []string
			client := host(t, kind, func(w http.ResponseWriter, r *http.Request) {
				path := r.URL.EscapedPath()
				for _, prefix := range []string{"/api/v3/", "/api/v4/", "/2.0/", "/rest/api/1.0/", "/rest/", "/"} {
					if rest, ok := strings.CutPrefix(path, prefix); ok {
						path = rest
						break
					}
				}
				call := r.Method + " " + path
				answer, ok := fixture[call+"?"+r.URL.RawQuery]
				if !ok {
					answer, ok = fixture[call]
				}
				if !ok {
					t.Errorf("unexpected %s?%s", call, r.URL.RawQuery)
					w.WriteHeader(http.StatusNotFound)
					return
				}
				if r.Method != http.MethodGet {
					body, _ := io.ReadAll(r.Body)
					if len(body) > 0 && !json.Valid(body) {
						t.Errorf("%s with %q", call, body)
					}
					writes = append(writes, call)
				}
				fmt.Fprint(w, answer)
			})
			ctx := t.Context()
			check := func(what string, got, want any, err error) {
				t.Helper()
				if err != nil {
					t.Errorf("%s: %v", what, err)
				} else if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
			pull := review.PullRequest{Number: 1, URL: "u1", Title: "t", Body: "b", Author: "daemon", Head: "advance", Commit: head, Base: "main", State: review.Open}
			open, err := client.Open(ctx)
			check("open", open, []review.PullRequest{pull}, err)
			d := review.Draft{Head: "advance", Base: "main", Title: "t", Body: "b"}
			same, err := client.Ensure(ctx, d)
			check("ensured", same, pull, err)
			paths, err := client.Paths(ctx, 1)
			check("paths", paths, []string{"a", "b"}, err)
			file, err := client.File(ctx, base, "a b")
			check("file", string(file), "text", err)
			arrival, err := client.Arrival(ctx, "main", merge)
			if kind == githost.Bitbucket {
				// It is looked for among the merged ones, of which the fixture has the open one only.
				fixture["GET repositories/orbit/values/pullrequests"] = `{"values":[` + fixture["GET repositories/orbit/values/pullrequests/2"] + `]}`
				arrival, err = client.Arrival(ctx, "main", merge)
				fixture["GET repositories/orbit/values/pullrequests"] = `{"values":[` + cloudPull1 + `]}`
			}
			check("arrival", arrival, review.Arrival{
				Number: 2, URL: "u2", Commit: head, MergedBy: "boss", Approvers: []string{"rev"}, Messages: []string{"first", "m"},
			}, err)
			said, err := client.Comments(ctx, 1)
			for i := range said {
				said[i].At = said[i].At.UTC()
			}
			check("comments", said, []review.Comment{{ID: 7, Author: "daemon", Ours: true, Text: "old", At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}}, err)
			pending := review.Status{Context: "c", State: review.Pending, Text: "d", URL: "u"}
			statuses, err := client.Statuses(ctx, head)
			check("statuses", statuses, []review.Status{pending}, err)
			check("the same status", nil, nil, client.SetStatus(ctx, head, pending))
			check("the same comment", nil, nil, client.Comment(ctx, 1, "plan", "old"))
			check("writes for what is so already", len(writes), 0, nil)

			d.Title = "another"
			_, err = client.Ensure(ctx, d)
			check("changed", nil, nil, err)
			check("comment", nil, nil, client.Comment(ctx, 1, "plan", "new"))
			pending.State = review.Success
			check("status", nil, nil, client.SetStatus(ctx, head, pending))
			check("close", nil, nil, client.Close(ctx, 1))
			check("writes", len(writes), 4, nil)
		})
	}
}
