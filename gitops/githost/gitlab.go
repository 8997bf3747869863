package githost

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jenkins-x/go-scm/scm/transport"

	"cutover/gitops/review"
	"cutover/reconciler/failure"
)

// gitlabHost is GitLab, whose pull requests are merge requests.
type gitlabHost struct {
	*api
	root string // projects/owner%2Fname
}

func newGitLab(c ClientConfig, server *url.URL) (product, error) {
	base := *server
	base.Path += "/api/v4"
	return &gitlabHost{
		api: newAPI(c, &base, func(base http.RoundTripper) http.RoundTripper {
			return &transport.PrivateToken{Base: base, Token: c.Token}
		}),
		root: "projects/" + url.PathEscape(c.Repository),
	}, nil
}

func (g *gitlabHost) limits() limits { return limits{body: 1_000_000, mark: htmlMark} }

func (g *gitlabHost) list(pairs ...string) url.Values { return g.api.list("per_page", 100, pairs...) }

func (g *gitlabHost) one(number int) string {
	return fmt.Sprintf("%s/merge_requests/%d", g.root, number)
}

type gitlabUser struct {
	Username string `json:"username"`
}

func (g *gitlabHost) user(ctx context.Context) (string, error) {
	var u gitlabUser
	_, err := g.call(ctx, request{path: "user"}, &u)
	return u.Username, err
}

type gitlabPull struct {
	Number       int        `json:"iid"`
	URL          string     `json:"web_url"`
	Title        string     `json:"title"`
	Body         string     `json:"description"`
	Author       gitlabUser `json:"author"`
	State        string     `json:"state"` // opened, closed, merged; locked while it is being merged
	Source       string     `json:"source_branch"`
	Target       string     `json:"target_branch"`
	SHA          string     `json:"sha"`
	SourceID     int        `json:"source_project_id"`
	TargetID     int        `json:"target_project_id"`
	MergedAt     *time.Time `json:"merged_at"`
	MergeUser    gitlabUser `json:"merge_user"`
	MergeCommit  string     `json:"merge_commit_sha"`
	SquashCommit string     `json:"squash_commit_sha"`
	Changes      string     `json:"changes_count"` // "1000+" if there are more
}

func (p gitlabPull) convert() pull {
	out := pull{PullRequest: review.PullRequest{
		Number: p.Number, URL: p.URL, Title: p.Title, Body: p.Body, Author: p.Author.Username,
		Head: p.Source, Commit: p.SHA, Base: p.Target, State: review.Closed, Fork: p.SourceID != p.TargetID,
	}}
	switch {
	case p.State == "opened", p.State == "locked":
		out.State = review.Open
	case p.State == "merged" && p.MergedAt != nil:
		out.State, out.Merged, out.mergedBy = review.Merged, *p.MergedAt, p.MergeUser.Username
		// A project that only fast-forwards has no merge commit; then what is on the branch is the squash, or the head.
		for _, commit := range []string{p.MergeCommit, p.SquashCommit, p.SHA} {
			if out.mergeCommit == "" {
				out.mergeCommit = commit
			}
		}
	}
	return out
}

func (g *gitlabHost) pulls(ctx context.Context, path string, query url.Values, most int) ([]pull, error) {
	list, err := pages[gitlabPull](ctx, g.api, path, query, most)
	all := make([]pull, 0, len(list))
	for _, p := range list {
		all = append(all, p.convert())
	}
	return all, err
}

func (g *gitlabHost) open(ctx context.Context) ([]pull, error) {
	return g.pulls(ctx, g.root+"/merge_requests", g.list("state", "opened", "order_by", "created_at", "sort", "asc"), mostPages)
}

func (g *gitlabHost) merged(ctx context.Context, branch string) ([]pull, error) {
	return g.pulls(ctx, g.root+"/merge_requests",
		g.list("state", "merged", "target_branch", branch, "order_by", "updated_at", "sort", "desc"), mostMerged)
}

func (g *gitlabHost) associated(ctx context.Context, commit string) ([]int, error) {
	list, err := g.pulls(ctx, g.root+"/repository/commits/"+url.PathEscape(commit)+"/merge_requests", g.list(), mostPages)
	var numbers []int
	for _, p := range list {
		numbers = append(numbers, p.Number)
	}
	return numbers, err
}

func (g *gitlabHost) pull(ctx context.Context, number int) (pull, error) {
	var p gitlabPull
	_, err := g.call(ctx, request{path: g.one(number)}, &p)
	return p.convert(), err
}

func (g *gitlabHost) create(ctx context.Context, d review.Draft) (pull, error) {
	var p gitlabPull
	in := map[string]string{"source_branch": d.Head, "target_branch": d.Base, "title": d.Title, "description": d.Body}
	_, err := g.call(ctx, request{method: http.MethodPost, path: g.root + "/merge_requests", body: in}, &p)
	return p.convert(), err
}

func (g *gitlabHost) update(ctx context.Context, number int, d review.Draft) (pull, error) {
	var p gitlabPull
	in := map[string]string{"title": d.Title, "description": d.Body}
	_, err := g.call(ctx, request{method: http.MethodPut, path: g.one(number), body: in}, &p)
	return p.convert(), err
}

func (g *gitlabHost) close(ctx context.Context, number int) error {
	_, err := g.call(ctx, request{method: http.MethodPut, path: g.one(number), body: map[string]string{"state_event": "close"}}, nil)
	return err
}

func (g *gitlabHost) paths(ctx context.Context, number int) ([]string, error) {
	var p gitlabPull
	if _, err := g.call(ctx, request{path: g.one(number)}, &p); err != nil {
		return nil, err
	}
	if strings.HasSuffix(p.Changes, "+") {
		return nil, fmt.Errorf("%w: it changes more files than the %s that GitLab lists", failure.ErrRefused, p.Changes)
	}
	type diff struct {
		Old string `json:"old_path"` // the same, unless it was renamed
		New string `json:"new_path"`
	}
	list, err := pages[diff](ctx, g.api, g.one(number)+"/diffs", g.list(), mostPages)
	var paths []string
	for _, d := range list {
		paths = append(paths, d.Old, d.New)
	}
	return paths, err
}

type gitlabCommit struct {
	ID      string    `json:"id"`
	Parents []string  `json:"parent_ids"`
	Message string    `json:"message"`
	Name    string    `json:"author_name"`
	Email   string    `json:"author_email"`
	Date    time.Time `json:"authored_date"`
}

func (c gitlabCommit) convert() commit {
	return commit{hash: c.ID, parents: c.Parents, message: c.Message, author: c.Name + " <" + c.Email + ">", written: c.Date}
}

// commits are listed newest first.
func (g *gitlabHost) commits(ctx context.Context, number int) ([]commit, error) {
	list, err := pages[gitlabCommit](ctx, g.api, g.one(number)+"/commits", g.list(), mostPages)
	var all []commit
	for _, c := range list {
		all = append(all, c.convert())
	}
	slices.Reverse(all)
	return all, err
}

func (g *gitlabHost) commit(ctx context.Context, hash string) (commit, error) {
	var c gitlabCommit
	_, err := g.call(ctx, request{path: g.root + "/repository/commits/" + url.PathEscape(hash)}, &c)
	if err == nil && c.ID != hash { // the name of a branch is taken as well
		return commit{}, fmt.Errorf("%w: there is no such commit", failure.ErrNotFound)
	}
	return c.convert(), err
}

func (g *gitlabHost) file(ctx context.Context, commit, path string) ([]byte, error) {
	var data []byte
	_, err := g.call(ctx, request{path: g.root + "/repository/files/" + url.PathEscape(path) + "/raw", query: url.Values{"ref": {commit}}}, &data)
	return data, err
}

type gitlabNote struct {
	ID      int64      `json:"id"`
	Body    string     `json:"body"`
	Author  gitlabUser `json:"author"`
	System  bool       `json:"system"`
	Created time.Time  `json:"created_at"`
}

func (g *gitlabHost) notes(ctx context.Context, number int) ([]gitlabNote, error) {
	return pages[gitlabNote](ctx, g.api, g.one(number)+"/notes", g.list("order_by", "created_at", "sort", "asc"), mostPages)
}

func (g *gitlabHost) comments(ctx context.Context, number int) ([]review.Comment, error) {
	list, err := g.notes(ctx, number)
	var all []review.Comment
	for _, n := range list {
		if !n.System {
			all = append(all, review.Comment{ID: n.ID, Author: n.Author.Username, Text: n.Body, At: n.Created})
		}
	}
	return all, err
}

// verdicts puts them together: GitLab tells who approves, in its own notes when they did, and when which head came, but
// not which head was approved.
func (g *gitlabHost) verdicts(ctx context.Context, p pull) ([]verdict, error) {
	var approvals struct {
		By []struct {
			User gitlabUser `json:"user"`
		} `json:"approved_by"`
	}
	if _, err := g.call(ctx, request{path: g.one(p.Number) + "/approvals"}, &approvals); err != nil {
		return nil, err
	}
	type version struct {
		Head    string    `json:"head_commit_sha"`
		Created time.Time `json:"created_at"`
	}
	versions, err := pages[version](ctx, g.api, g.one(p.Number)+"/versions", g.list(), mostPages)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(versions, func(a, b version) int { return a.Created.Compare(b.Created) })
	notes, err := g.notes(ctx, p.Number)
	if err != nil {
		return nil, err
	}
	var all []verdict
	for _, n := range notes {
		v := verdict{Comment: review.Comment{ID: n.ID, Author: n.Author.Username, At: n.Created}}
		switch {
		case !n.System:
			continue
		case n.Body == "approved this merge request":
			v.state = dismissed // taken back, or reset by a push
			for _, by := range approvals.By {
				if by.User == n.Author {
					v.state = approves
				}
			}
		case n.Body == "unapproved this merge request":
			v.state = rejects
		default:
			continue
		}
		for _, version := range versions {
			if !version.Created.After(n.Created) {
				v.commit = version.Head
			}
		}
		all = append(all, v)
	}
	return all, nil
}

func (g *gitlabHost) note(number int, id int64) string {
	return fmt.Sprintf("%s/notes/%d", g.one(number), id)
}

func (g *gitlabHost) post(ctx context.Context, number int, text string) error {
	_, err := g.call(ctx, request{method: http.MethodPost, path: g.one(number) + "/notes", body: map[string]string{"body": text}}, nil)
	return err
}

func (g *gitlabHost) edit(ctx context.Context, number int, id int64, text string) error {
	_, err := g.call(ctx, request{method: http.MethodPut, path: g.note(number, id), body: map[string]string{"body": text}}, nil)
	return err
}

func (g *gitlabHost) remove(ctx context.Context, number int, id int64) error {
	_, err := g.call(ctx, request{method: http.MethodDelete, path: g.note(number, id)}, nil)
	return err
}

func (g *gitlabHost) statuses(ctx context.Context, commit string) ([]review.Status, error) {
	type status struct {
		ID          int64  `json:"id"`
		Name        string `json:"name"`
		Status      string `json:"status"`
		Description string `json:"description"`
		URL         string `json:"target_url"`
	}
	list, err := pages[status](ctx, g.api, g.root+"/repository/commits/"+url.PathEscape(commit)+"/statuses", g.list(), mostPages)
	slices.SortFunc(list, func(a, b status) int { return int(b.ID - a.ID) }) // newest first
	var all []review.Status
	for _, s := range list {
		state := review.Failure
		switch s.Status {
		case "success", "skipped":
			state = review.Success
		case "pending", "running", "created", "manual":
			state = review.Pending
		}
		all = append(all, review.Status{Context: s.Name, State: state, Text: s.Description, URL: s.URL})
	}
	return all, err
}

var gitlabStates = map[review.StatusState]string{review.Pending: "pending", review.Success: "success", review.Failure: "failed"}

// setStatus ends a status that is pending before it makes another pending one: GitLab changes the state of the one that is
// there, and knows no way from pending to pending.
func (g *gitlabHost) setStatus(ctx context.Context, commit string, s review.Status) error {
	err := g.putStatus(ctx, commit, gitlabStates[s.State], s)
	if s.State != review.Pending || !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), "Cannot transition") {
		return err
	}
	if err := g.putStatus(ctx, commit, "canceled", s); err != nil {
		return err
	}
	return g.putStatus(ctx, commit, "pending", s)
}

func (g *gitlabHost) putStatus(ctx context.Context, commit, state string, s review.Status) error {
	in := map[string]string{"name": s.Context, "state": state, "description": s.Text}
	if s.URL != "" {
		in["target_url"] = s.URL
	}
	_, err := g.call(ctx, request{method: http.MethodPost, path: g.root + "/statuses/" + url.PathEscape(commit), body: in}, nil)
	return err
}
