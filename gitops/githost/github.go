package githost

import (
	"context"
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

// mostFiles is how many files of a pull request GitHub lists.
const mostFiles = 3000

// githubHost is GitHub, and Gitea, whose API is made after GitHub's. Where they differ, gitea says so.
type githubHost struct {
	*api
	repository string // owner/name
	root       string // repos/owner/name
	gitea      bool
}

func newGitHub(c ClientConfig, server *url.URL) (product, error) {
	base := *server
	g := &githubHost{repository: c.Repository, root: "repos/" + escaped(c.Repository), gitea: c.Kind == Gitea}
	authenticated := func(base http.RoundTripper) http.RoundTripper {
		if g.gitea {
			return &transport.Authorization{Base: base, Scheme: "token", Credentials: c.Token}
		}
		return &transport.BearerToken{Base: base, Token: c.Token}
	}
	switch {
	case g.gitea:
		base.Path += "/api/v1"
	case base.Host == "github.com" || base.Host == "api.github.com":
		base.Host = "api.github.com"
	case !strings.HasSuffix(base.Path, "/api/v3"):
		base.Path += "/api/v3"
	}
	g.api = newAPI(c, &base, authenticated)
	return g, nil
}

func (g *githubHost) limits() limits { return limits{body: 65536, mark: htmlMark} }

// list is the query of a list with pages as large as the host gives them.
func (g *githubHost) list(pairs ...string) url.Values {
	if g.gitea {
		return g.api.list("limit", 50, pairs...)
	}
	return g.api.list("per_page", 100, pairs...)
}

// githubUser may be missing: the user's account was deleted.
type githubUser struct {
	Login string `json:"login"`
}

func (u *githubUser) login() string {
	if u == nil {
		return ""
	}
	return u.Login
}

func (g *githubHost) user(ctx context.Context) (string, error) {
	var u githubUser
	_, err := g.call(ctx, request{path: "user"}, &u)
	return u.Login, err
}

type githubBranch struct {
	Label string `json:"label"`
	Ref   string `json:"ref"`
	SHA   string `json:"sha"`
	Repo  *struct {
		FullName string `json:"full_name"`
	} `json:"repo"`
}

type githubPull struct {
	Number      int          `json:"number"`
	URL         string       `json:"html_url"`
	Title       string       `json:"title"`
	Body        string       `json:"body"`
	User        *githubUser  `json:"user"`
	State       string       `json:"state"`
	Head        githubBranch `json:"head"`
	Base        githubBranch `json:"base"`
	MergedAt    *time.Time   `json:"merged_at"`
	MergedBy    *githubUser  `json:"merged_by"` // not in GitHub's lists
	MergeCommit string       `json:"merge_commit_sha"`
}

func (g *githubHost) convert(p githubPull) pull {
	head := p.Head.Ref
	if g.gitea {
		head = p.Head.Label // Ref becomes refs/pull/N/head when the branch is deleted
	}
	out := pull{PullRequest: review.PullRequest{
		Number: p.Number, URL: p.URL, Title: p.Title, Body: p.Body, Author: p.User.login(),
		Head: head, Commit: p.Head.SHA, Base: p.Base.Ref, State: review.State(p.State),
		Fork: p.Head.Repo == nil || !strings.EqualFold(p.Head.Repo.FullName, g.repository),
	}}
	// Before the merge, merge_commit_sha is GitHub's try at it.
	if p.MergedAt != nil {
		out.State, out.Merged, out.mergeCommit, out.mergedBy = review.Merged, *p.MergedAt, p.MergeCommit, p.MergedBy.login()
	}
	return out
}

func (g *githubHost) convertAll(list []githubPull) []pull {
	all := make([]pull, 0, len(list))
	for _, p := range list {
		all = append(all, g.convert(p))
	}
	return all
}

func (g *githubHost) open(ctx context.Context) ([]pull, error) {
	// Oldest first, so that a new one does not push another from the page that comes to one that was read.
	query := g.list("state", "open", "sort", "created", "direction", "asc")
	if g.gitea {
		query = g.list("state", "open", "sort", "oldest")
	}
	list, err := pages[githubPull](ctx, g.api, g.root+"/pulls", query, mostPages)
	return g.convertAll(list), err
}

func (g *githubHost) merged(ctx context.Context, branch string) ([]pull, error) {
	query := g.list("state", "closed", "base", branch, "sort", "updated", "direction", "desc")
	if g.gitea {
		query = g.list("state", "closed", "base_branch", branch, "sort", "recentupdate")
	}
	list, err := pages[githubPull](ctx, g.api, g.root+"/pulls", query, mostMerged)
	return slices.DeleteFunc(g.convertAll(list), func(p pull) bool { return p.State != review.Merged || p.Base != branch }), err
}

// associated asks GitHub for all pull requests with the commit, and Gitea for the one whose merge made it.
func (g *githubHost) associated(ctx context.Context, commit string) ([]int, error) {
	if g.gitea {
		var p githubPull
		if _, err := g.call(ctx, request{path: g.root + "/commits/" + url.PathEscape(commit) + "/pull"}, &p); err != nil {
			return nil, err
		}
		return []int{p.Number}, nil
	}
	list, err := pages[githubPull](ctx, g.api, g.root+"/commits/"+url.PathEscape(commit)+"/pulls", g.list(), mostPages)
	var numbers []int
	for _, p := range list {
		numbers = append(numbers, p.Number)
	}
	return numbers, err
}

func (g *githubHost) one(number int) string { return fmt.Sprintf("%s/pulls/%d", g.root, number) }

func (g *githubHost) issue(number int) string { return fmt.Sprintf("%s/issues/%d", g.root, number) }

func (g *githubHost) pull(ctx context.Context, number int) (pull, error) {
	var got githubPull
	if _, err := g.call(ctx, request{path: g.one(number)}, &got); err != nil {
		return pull{}, err
	}
	p := g.convert(got)
	if !g.gitea || p.State != review.Merged {
		return p, nil
	}
	// Gitea shows the branch as it is now, even if it moved on after the merge. What was merged are the commits that the
	// pull request keeps; its head is the one that is nobody's parent.
	own, err := g.commits(ctx, number)
	if err != nil {
		return pull{}, err
	}
	parents := map[string]bool{}
	for _, c := range own {
		for _, parent := range c.parents {
			parents[parent] = true
		}
	}
	for _, c := range own {
		if !parents[c.hash] {
			p.Commit = c.hash
		}
	}
	return p, nil
}

func (g *githubHost) create(ctx context.Context, d review.Draft) (pull, error) {
	var p githubPull
	in := map[string]string{"head": d.Head, "base": d.Base, "title": d.Title, "body": d.Body}
	_, err := g.call(ctx, request{method: http.MethodPost, path: g.root + "/pulls", body: in}, &p)
	return g.convert(p), err
}

func (g *githubHost) update(ctx context.Context, number int, d review.Draft) (pull, error) {
	var p githubPull
	in := map[string]string{"title": d.Title, "body": d.Body}
	_, err := g.call(ctx, request{method: http.MethodPatch, path: g.one(number), body: in}, &p)
	return g.convert(p), err
}

func (g *githubHost) close(ctx context.Context, number int) error {
	_, err := g.call(ctx, request{method: http.MethodPatch, path: g.one(number), body: map[string]string{"state": "closed"}}, nil)
	return err
}

func (g *githubHost) paths(ctx context.Context, number int) ([]string, error) {
	type file struct {
		Name     string `json:"filename"`
		Previous string `json:"previous_filename"`
	}
	files, err := pages[file](ctx, g.api, g.one(number)+"/files", g.list(), mostPages)
	if !g.gitea && len(files) >= mostFiles {
		return nil, fmt.Errorf("%w: it changes more files than the %d that GitHub lists", failure.ErrRefused, mostFiles)
	}
	var paths []string
	for _, f := range files {
		paths = append(paths, f.Name)
		if f.Previous != "" {
			paths = append(paths, f.Previous)
		}
	}
	return paths, err
}

func (g *githubHost) file(ctx context.Context, commit, path string) ([]byte, error) {
	var data []byte
	query := url.Values{"ref": {commit}}
	if g.gitea {
		_, err := g.call(ctx, request{path: g.root + "/raw/" + escaped(path), query: query}, &data)
		return data, err
	}
	// As JSON, a file of more than 1 MB would have no content.
	answer, err := g.call(ctx, request{path: g.root + "/contents/" + escaped(path), query: query, accept: "application/vnd.github.raw+json"}, &data)
	if err == nil && strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json") {
		return nil, fmt.Errorf("%w: it is a directory", failure.ErrNotFound)
	}
	return data, err
}

type githubCommit struct {
	SHA    string      `json:"sha"`
	Author *githubUser `json:"author"`
	Commit struct {
		Message string `json:"message"`
		Author  struct {
			Name  string    `json:"name"`
			Email string    `json:"email"`
			Date  time.Time `json:"date"`
		} `json:"author"`
	} `json:"commit"`
	Parents []struct {
		SHA string `json:"sha"`
	} `json:"parents"`
}

func (c githubCommit) convert() commit {
	out := commit{
		hash: c.SHA, message: c.Commit.Message, author: c.Commit.Author.Name + " <" + c.Commit.Author.Email + ">",
		written: c.Commit.Author.Date, login: c.Author.login(),
	}
	for _, p := range c.Parents {
		out.parents = append(out.parents, p.SHA)
	}
	return out
}

// commits are listed by GitHub oldest first, and by Gitea newest first.
func (g *githubHost) commits(ctx context.Context, number int) ([]commit, error) {
	query := g.list()
	if g.gitea {
		query = g.list("files", "false", "verification", "false")
	}
	list, err := pages[githubCommit](ctx, g.api, g.one(number)+"/commits", query, mostPages)
	var all []commit
	for _, c := range list {
		all = append(all, c.convert())
	}
	if g.gitea {
		slices.Reverse(all)
	}
	return all, err
}

func (g *githubHost) commit(ctx context.Context, hash string) (commit, error) {
	r := request{path: g.root + "/commits/" + url.PathEscape(hash)}
	if g.gitea {
		r = request{path: g.root + "/git/commits/" + url.PathEscape(hash), query: url.Values{"files": {"false"}, "stat": {"false"}, "verification": {"false"}}}
	}
	var c githubCommit
	answer, err := g.call(ctx, r, &c)
	// GitHub's answer for a hash that it does not know, and both hosts take the names of branches as well.
	if err == nil && c.SHA != hash || answer != nil && answer.Status == http.StatusUnprocessableEntity {
		return commit{}, fmt.Errorf("%w: there is no such commit", failure.ErrNotFound)
	}
	return c.convert(), err
}
