package githost

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"cutover/gitops/review"
)

// serverHost is Bitbucket Server and Data Center. Its pull requests and comments have versions, which each change must
// name; its times are milliseconds.
type serverHost struct {
	*api
	name string // of the token's user, if configured
	web  string // the repository's page
	root string // rest/api/1.0/projects/PROJECT/repos/name
	slug string
	key  string // of the project
}

func newBitbucketServer(c ClientConfig, server *url.URL) (product, error) {
	key, slug, _ := strings.Cut(c.Repository, "/")
	at := "projects/" + url.PathEscape(key) + "/repos/" + url.PathEscape(slug)
	return &serverHost{
		api: newAPI(c, server, basicOrBearer(c)), name: c.Username, key: key, slug: slug,
		web: server.String() + "/" + at, root: "rest/api/1.0/" + at,
	}, nil
}

func (s *serverHost) limits() limits { return limits{body: 32768, mark: linkMark} }

func (s *serverHost) list(pairs ...string) url.Values { return s.api.list("limit", 100, pairs...) }

func (s *serverHost) one(number int) string {
	return fmt.Sprintf("%s/pull-requests/%d", s.root, number)
}

// serverPages reads a list whose next page begins where the body says.
func serverPages[T any](ctx context.Context, s *serverHost, path string, query url.Values, most int) ([]T, error) {
	var all []T
	query = clone(query)
	for range most {
		var page struct {
			Values []T  `json:"values"`
			Last   bool `json:"isLastPage"`
			Next   *int `json:"nextPageStart"`
		}
		if _, err := s.call(ctx, request{path: path, query: query}, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Values...)
		if page.Last || page.Next == nil {
			break
		}
		query.Set("start", strconv.Itoa(*page.Next))
	}
	return all, nil
}

// user asks the servlet that Atlassian's products answer each other with: the API has no call for it.
func (s *serverHost) user(ctx context.Context) (string, error) {
	if s.name != "" {
		return s.name, nil
	}
	var name []byte
	_, err := s.call(ctx, request{path: "plugins/servlet/applinks/whoami"}, &name)
	return strings.TrimSpace(string(name)), err
}

type serverUser struct {
	Name string `json:"name"`
}

type serverRef struct {
	ID         string `json:"id,omitempty"`
	Name       string `json:"displayId,omitempty"`
	Commit     string `json:"latestCommit,omitempty"`
	Repository struct {
		Slug    string `json:"slug"`
		Project struct {
			Key string `json:"key"`
		} `json:"project"`
	} `json:"repository"`
}

type serverReviewer struct {
	User     serverUser `json:"user"`
	Status   string     `json:"status,omitempty"` // APPROVED, NEEDS_WORK, UNAPPROVED
	Reviewed string     `json:"lastReviewedCommit,omitempty"`
}

type serverPull struct {
	ID          int    `json:"id"`
	Version     int    `json:"version"`
	Title       string `json:"title"`
	Description string `json:"description"`
	State       string `json:"state"` // OPEN, MERGED, DECLINED
	Author      struct {
		User serverUser `json:"user"`
	} `json:"author"`
	From      serverRef        `json:"fromRef"`
	To        serverRef        `json:"toRef"`
	Closed    int64            `json:"closedDate"`
	Reviewers []serverReviewer `json:"reviewers"`
	Others    []serverReviewer `json:"participants"`
	Links     struct {
		Self []struct {
			Href string `json:"href"`
		} `json:"self"`
	} `json:"links"`
	Properties struct {
		MergeCommit struct {
			ID string `json:"id"`
		} `json:"mergeCommit"`
	} `json:"properties"`
}

func (s *serverHost) convert(p serverPull) pull {
	from := p.From.Repository
	out := pull{PullRequest: review.PullRequest{
		Number: p.ID, Title: p.Title, Body: p.Description, Author: p.Author.User.Name,
		Head: p.From.Name, Commit: p.From.Commit, Base: p.To.Name, State: review.Closed,
		Fork: !strings.EqualFold(from.Slug, s.slug) || !strings.EqualFold(from.Project.Key, s.key),
	}}
	if len(p.Links.Self) > 0 {
		out.URL = p.Links.Self[0].Href
	}
	switch p.State {
	case "OPEN":
		out.State = review.Open
	case "MERGED":
		out.State, out.Merged, out.mergeCommit = review.Merged, time.UnixMilli(p.Closed), p.Properties.MergeCommit.ID
	}
	return out
}

func (s *serverHost) pulls(ctx context.Context, path string, query url.Values, most int) ([]pull, error) {
	list, err := serverPages[serverPull](ctx, s, path, query, most)
	var all []pull
	for _, p := range list {
		all = append(all, s.convert(p))
	}
	return all, err
}

func (s *serverHost) open(ctx context.Context) ([]pull, error) {
	return s.pulls(ctx, s.root+"/pull-requests", s.list("state", "OPEN", "order", "OLDEST"), mostPages)
}

func (s *serverHost) merged(ctx context.Context, branch string) ([]pull, error) {
	query := s.list("state", "MERGED", "at", "refs/heads/"+branch, "direction", "INCOMING", "order", "NEWEST")
	return s.pulls(ctx, s.root+"/pull-requests", query, mostMerged)
}

func (s *serverHost) associated(ctx context.Context, commit string) ([]int, error) {
	list, err := s.pulls(ctx, s.root+"/commits/"+url.PathEscape(commit)+"/pull-requests", s.list(), mostPages)
	var numbers []int
	for _, p := range list {
		numbers = append(numbers, p.Number)
	}
	return numbers, err
}

func (s *serverHost) raw(ctx context.Context, number int) (serverPull, error) {
	var p serverPull
	_, err := s.call(ctx, request{path: s.one(number)}, &p)
	return p, err
}

// pull looks into the activities for who merged it, and for the merge commit, which older servers tell only there.
func (s *serverHost) pull(ctx context.Context, number int) (pull, error) {
	raw, err := s.raw(ctx, number)
	p := s.convert(raw)
	if err != nil || p.State != review.Merged {
		return p, err
	}
	activities, err := s.activities(ctx, number)
	for _, a := range activities {
		if a.Action == "MERGED" {
			p.mergedBy = a.User.Name
			if p.mergeCommit == "" {
				p.mergeCommit = a.Commit.ID
			}
		}
	}
	if p.mergeCommit == "" {
		p.mergeCommit = p.Commit // fast-forwarded
	}
	return p, err
}

func (s *serverHost) write(ctx context.Context, method, path string, in any) (pull, error) {
	var p serverPull
	_, err := s.call(ctx, request{method: method, path: path, body: in}, &p)
	return s.convert(p), err
}

func (s *serverHost) create(ctx context.Context, d review.Draft) (pull, error) {
	ref := func(branch string) serverRef {
		r := serverRef{ID: "refs/heads/" + branch}
		r.Repository.Slug, r.Repository.Project.Key = s.slug, s.key
		return r
	}
	return s.write(ctx, http.MethodPost, s.root+"/pull-requests", map[string]any{
		"title": d.Title, "description": d.Body, "fromRef": ref(d.Head), "toRef": ref(d.Base),
	})
}

// update repeats the reviewers: who is not named is removed.
func (s *serverHost) update(ctx context.Context, number int, d review.Draft) (pull, error) {
	now, err := s.raw(ctx, number)
	if err != nil {
		return pull{}, err
	}
	reviewers := []serverReviewer{}
	for _, r := range now.Reviewers {
		reviewers = append(reviewers, serverReviewer{User: r.User})
	}
	return s.write(ctx, http.MethodPut, s.one(number), map[string]any{
		"version": now.Version, "title": d.Title, "description": d.Body, "reviewers": reviewers,
	})
}

func (s *serverHost) close(ctx context.Context, number int) error {
	now, err := s.raw(ctx, number)
	if err != nil {
		return err
	}
	path := s.one(number) + "/decline"
	_, err = s.call(ctx, request{method: http.MethodPost, path: path, query: url.Values{"version": {strconv.Itoa(now.Version)}}, body: struct{}{}}, nil)
	return err
}

func (s *serverHost) paths(ctx context.Context, number int) ([]string, error) {
	type path struct {
		Name string `json:"toString"`
	}
	type change struct {
		Path   path  `json:"path"`
		Source *path `json:"srcPath"`
	}
	list, err := serverPages[change](ctx, s, s.one(number)+"/changes", s.list(), mostPages)
	var paths []string
	for _, c := range list {
		paths = append(paths, c.Path.Name)
		if c.Source != nil {
			paths = append(paths, c.Source.Name)
		}
	}
	return paths, err
}

type serverCommit struct {
	ID      string `json:"id"`
	Parents []struct {
		ID string `json:"id"`
	} `json:"parents"`
	Message string `json:"message"`
	Author  struct {
		Name    string `json:"name"`
		Address string `json:"emailAddress"`
	} `json:"author"`
	Written int64 `json:"authorTimestamp"`
}

func (c serverCommit) convert() commit {
	out := commit{
		hash: c.ID, message: c.Message, author: c.Author.Name + " <" + c.Author.Address + ">", written: time.UnixMilli(c.Written),
		login: c.Author.Name, // of a user whom the server knows by the address; otherwise git's name
	}
	for _, p := range c.Parents {
		out.parents = append(out.parents, p.ID)
	}
	return out
}

// commits are listed newest first.
func (s *serverHost) commits(ctx context.Context, number int) ([]commit, error) {
	list, err := serverPages[serverCommit](ctx, s, s.one(number)+"/commits", s.list(), mostPages)
	var all []commit
	for _, c := range list {
		all = append(all, c.convert())
	}
	slices.Reverse(all)
	return all, err
}

func (s *serverHost) commit(ctx context.Context, hash string) (commit, error) {
	var c serverCommit
	_, err := s.call(ctx, request{path: s.root + "/commits/" + url.PathEscape(hash)}, &c)
	return c.convert(), err
}

func (s *serverHost) file(ctx context.Context, commit, path string) ([]byte, error) {
	var data []byte
	_, err := s.call(ctx, request{path: s.root + "/raw/" + escaped(path), query: url.Values{"at": {commit}}}, &data)
	return data, err
}
