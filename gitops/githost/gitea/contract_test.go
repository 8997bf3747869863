package gitea_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"cutover/gitops/githost"
	"cutover/reconciler/contract"
	"cutover/reconciler/contract/labtest"
)

func TestContract(t *testing.T) {
	lab := labtest.Get(t)
	people := hire(t, lab)
	contract.Reviews(t, func(t *testing.T) contract.Forge { return newForge(t, lab, people) })
}

// person is a user of Gitea.
type person struct{ login, token string }

// people are the two users of all tests: neither owns a repository or administrates Gitea.
type people struct{ daemon, reviewer person }

var hire = func() func(*testing.T, *labtest.Lab) people {
	var once sync.Mutex
	var hired people
	return func(t *testing.T, lab *labtest.Lab) people {
		once.Lock()
		defer once.Unlock()
		if hired.daemon.login == "" {
			hired = people{newPerson(t, lab, "daemon"), newPerson(t, lab, "reviewer")}
		}
		return hired
	}
}()

func newPerson(t *testing.T, lab *labtest.Lab, role string) person {
	t.Helper()
	login := role + "-" + strings.ToLower(labtest.Unique(t)[len("testcontract")+1:])
	call(t, lab, lab.Git.Token, "POST", "admin/users", map[string]any{
		"username": login, "email": login + "@lab.invalid", "password": "a password of the lab", "must_change_password": false,
	}, nil)
	var token struct {
		SHA1 string `json:"sha1"`
	}
	call(t, lab, login+":a password of the lab", "POST", "users/"+login+"/tokens", map[string]any{
		"name": "t", "scopes": []string{"write:repository", "write:issue", "read:user"},
	}, &token)
	return person{login, token.SHA1}
}

// call asks Gitea's API as the owner of a token, or of a password if it has a colon.
func call(t *testing.T, lab *labtest.Lab, token, method, path string, in, out any) {
	t.Helper()
	if err := try(t, lab, token, method, path, in, out); err != nil {
		t.Fatal(err)
	}
}

func try(t *testing.T, lab *labtest.Lab, token, method, path string, in, out any) error {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(t.Context(), method, lab.Git.URL+"/api/v1/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if login, password, ok := strings.Cut(token, ":"); ok {
		r.SetBasicAuth(login, password)
	} else {
		r.Header.Set("Authorization", "token "+token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %.300s", method, path, answer.Status, data)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

// forge is a repository that somebody else owns, and two people who may push to it.
type forge struct {
	lab  *labtest.Lab
	repo string // owner/name
	people
}

func newForge(t *testing.T, lab *labtest.Lab, p people) *forge {
	t.Helper()
	f := &forge{lab: lab, people: p}
	f.repo = strings.TrimSuffix(strings.TrimPrefix(lab.NewRepository(t), lab.Git.URL+"/"), ".git")
	call(t, lab, lab.Git.Token, "POST", f.path("contents/README.md"), map[string]any{
		"branch": "main", "message": "Begin", "content": base64.StdEncoding.EncodeToString([]byte("values\n")),
	}, nil)
	for _, login := range []string{p.daemon.login, p.reviewer.login} {
		call(t, lab, lab.Git.Token, "PUT", f.path("collaborators/%s", login), map[string]any{"permission": "write"}, nil)
	}
	return f
}

func (f *forge) path(format string, args ...any) string {
	return "repos/" + f.repo + "/" + fmt.Sprintf(format, args...)
}

func (f *forge) Daemon() string   { return f.daemon.login }
func (f *forge) Reviewer() string { return f.reviewer.login }

func (f *forge) token(login string) string {
	if login == f.daemon.login {
		return f.daemon.token
	}
	return f.reviewer.token
}

func (f *forge) Store(t *testing.T) contract.ReviewStore {
	t.Helper()
	client, err := githost.New(githost.ClientConfig{
		Kind: githost.Gitea, Server: f.lab.Git.URL, Repository: f.repo, Token: f.daemon.token, PageSize: 5,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (f *forge) Commit(t *testing.T, branch, message string, files map[string]string) string {
	t.Helper()
	if try(t, f.lab, f.daemon.token, "GET", f.path("branches/%s", url.PathEscape(branch)), nil, nil) != nil {
		call(t, f.lab, f.daemon.token, "POST", f.path("branches"), map[string]any{"new_branch_name": branch, "old_branch_name": "main"}, nil)
	}
	var changes []map[string]any
	for path, text := range files {
		change := map[string]any{"operation": "upload", "path": path, "content": base64.StdEncoding.EncodeToString([]byte(text))}
		var have struct {
			SHA string `json:"sha"`
		}
		at := f.path("contents/%s?ref=%s", strings.ReplaceAll(url.PathEscape(path), "%2F", "/"), url.QueryEscape(branch))
		if try(t, f.lab, f.daemon.token, "GET", at, nil, &have) == nil {
			change["sha"] = have.SHA
		}
		if text == "" {
			change["operation"] = "delete"
		}
		changes = append(changes, change)
	}
	var done struct {
		Commit struct {
			SHA string `json:"sha"`
		} `json:"commit"`
	}
	call(t, f.lab, f.daemon.token, "POST", f.path("contents"), map[string]any{"branch": branch, "message": message, "files": changes}, &done)
	return done.Commit.SHA
}

// Merge asks again while Gitea still looks whether the pull request can be merged.
func (f *forge) Merge(t *testing.T, number int, method contract.MergeMethod) string {
	t.Helper()
	in := map[string]any{"Do": string(method), "MergeTitleField": "Merged by a person"}
	err := try(t, f.lab, f.reviewer.token, "POST", f.path("pulls/%d/merge", number), in, nil)
	for end := time.Now().Add(30 * time.Second); err != nil && strings.Contains(err.Error(), "try again later") && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
		err = try(t, f.lab, f.reviewer.token, "POST", f.path("pulls/%d/merge", number), in, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		Base struct {
			SHA string `json:"sha"`
		} `json:"base"`
	}
	call(t, f.lab, f.reviewer.token, "GET", f.path("pulls/%d", number), nil, &p)
	return p.Base.SHA
}

func (f *forge) Line(t *testing.T, commit string, length int) []string {
	t.Helper()
	var line []string
	for len(line) < length {
		line = append(line, commit)
		var c struct {
			Parents []struct {
				SHA string `json:"sha"`
			} `json:"parents"`
		}
		call(t, f.lab, f.daemon.token, "GET", f.path("git/commits/%s", commit), nil, &c)
		if len(c.Parents) == 0 {
			break
		}
		commit = c.Parents[0].SHA
	}
	return line
}

func (f *forge) DeleteBranch(t *testing.T, branch string) {
	t.Helper()
	call(t, f.lab, f.reviewer.token, "DELETE", f.path("branches/%s", url.PathEscape(branch)), nil, nil)
}

func (f *forge) Approve(t *testing.T, number int, as, text string) {
	t.Helper()
	call(t, f.lab, f.token(as), "POST", f.path("pulls/%d/reviews", number), map[string]any{"event": "APPROVED", "body": text}, nil)
}

func (f *forge) Unsay(t *testing.T, _ int, id int64) {
	t.Helper()
	call(t, f.lab, f.lab.Git.Token, "DELETE", f.path("issues/comments/%d", id), nil, nil)
}

func (f *forge) Say(t *testing.T, number int, as, text string) {
	t.Helper()
	call(t, f.lab, f.token(as), "POST", f.path("issues/%d/comments", number), map[string]any{"body": text}, nil)
}
