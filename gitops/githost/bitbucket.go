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

// bitbucketHost is Bitbucket Cloud. Its users have no lasting names, so that a login is an account id.
type bitbucketHost struct {
	*api
	repository string
	root       string                   // repositories/owner/name
	hashes     *lasting[string, string] // full ones, by short ones
}

func newBitbucket(c ClientConfig, server *url.URL) (product, error) {
	base := *server
	if base.Host == "bitbucket.org" {
		base.Host = "api.bitbucket.org"
	}
	base.Path += "/2.0"
	return &bitbucketHost{
		api:        newAPI(c, &base, basicOrBearer(c)),
		repository: c.Repository,
		root:       "repositories/" + escaped(c.Repository),
		hashes:     newLasting[string, string](),
	}, nil
}

// basicOrBearer logs in with a token that stands for a user's password, or with one that stands for itself.
func basicOrBearer(c ClientConfig) func(http.RoundTripper) http.RoundTripper {
	return func(base http.RoundTripper) http.RoundTripper {
		if c.Username != "" {
			return &transport.BasicAuth{Base: base, Username: c.Username, Password: c.Token}
		}
		return &transport.BearerToken{Base: base, Token: c.Token}
	}
}

func (b *bitbucketHost) limits() limits { return limits{body: 32768, mark: linkMark} }

// bitbucketPages reads a list whose next page is named by its URL, in the body.
func bitbucketPages[T any](ctx context.Context, b *bitbucketHost, path string, query url.Values, most int) ([]T, error) {
	var all []T
	root := b.scm.BaseURL.String()
	for range most {
		var page struct {
			Values []T    `json:"values"`
			Next   string `json:"next"`
		}
		if _, err := b.call(ctx, request{path: path, query: query}, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Values...)
		if page.Next == "" {
			break
		}
		rest, ok := strings.CutPrefix(page.Next, root)
		if !ok {
			return nil, fmt.Errorf("%w: the next page is at another host", failure.ErrRefused)
		}
		path, query = rest, nil // the query is in it
	}
	return all, nil
}

func (b *bitbucketHost) list(pairs ...string) url.Values { return b.api.list("pagelen", 50, pairs...) }

func (b *bitbucketHost) one(number int) string {
	return fmt.Sprintf("%s/pullrequests/%d", b.root, number)
}

type bitbucketUser struct {
	Account string `json:"account_id"`
	UUID    string `json:"uuid"` // the only id of a token that is a repository's
}

func (u bitbucketUser) login() string {
	if u.Account != "" {
		return u.Account
	}
	return u.UUID
}

func (b *bitbucketHost) user(ctx context.Context) (string, error) {
	var u bitbucketUser
	_, err := b.call(ctx, request{path: "user"}, &u)
	return u.login(), err
}

type bitbucketHash struct {
	Hash string `json:"hash"` // of 12 digits, within a pull request
}

type bitbucketEnd struct {
	Branch struct {
		Name string `json:"name"`
	} `json:"branch"`
	Commit     bitbucketHash `json:"commit"`
	Repository *struct {
		Name string `json:"full_name"`
	} `json:"repository"`
}

type bitbucketPull struct {
	ID          int            `json:"id"`
	Title       string         `json:"title"`
	Description string         `json:"description"`
	State       string         `json:"state"` // OPEN, MERGED, DECLINED, SUPERSEDED
	Author      bitbucketUser  `json:"author"`
	Source      bitbucketEnd   `json:"source"`
	Destination bitbucketEnd   `json:"destination"`
	MergeCommit *bitbucketHash `json:"merge_commit"`
	ClosedBy    bitbucketUser  `json:"closed_by"`
	Updated     time.Time      `json:"updated_on"`
	Links       struct {
		HTML struct {
			Href string `json:"href"`
		} `json:"html"`
	} `json:"links"`
}

// convert leaves the hashes short.
func (b *bitbucketHost) convert(p bitbucketPull) pull {
	source := p.Source.Repository
	out := pull{PullRequest: review.PullRequest{
		Number: p.ID, URL: p.Links.HTML.Href, Title: p.Title, Body: p.Description, Author: p.Author.login(),
		Head: p.Source.Branch.Name, Commit: p.Source.Commit.Hash, Base: p.Destination.Branch.Name, State: review.Closed,
		Fork: source == nil || !strings.EqualFold(source.Name, b.repository),
	}}
	switch {
	case p.State == "OPEN":
		out.State = review.Open
	case p.State == "MERGED" && p.MergeCommit != nil:
		out.State, out.Merged, out.mergeCommit, out.mergedBy = review.Merged, p.Updated, p.MergeCommit.Hash, p.ClosedBy.login()
	}
	return out
}

// full replaces the short hashes.
func (b *bitbucketHost) full(ctx context.Context, p pull) (pull, error) {
	for _, hash := range []*string{&p.Commit, &p.mergeCommit} {
		if *hash == "" || len(*hash) >= 40 {
			continue
		}
		full, err := b.hashes.get(*hash, func() (string, error) {
			c, err := b.anyCommit(ctx, *hash)
			return c.hash, err
		}, func(string) bool { return true })
		if err != nil {
			return p, err
		}
		*hash = full
	}
	return p, nil
}

func (b *bitbucketHost) open(ctx context.Context) ([]pull, error) {
	list, err := bitbucketPages[bitbucketPull](ctx, b, b.root+"/pullrequests", b.list("state", "OPEN", "sort", "id"), mostPages)
	if err != nil {
		return nil, err
	}
	var all []pull
	for _, p := range list {
		full, err := b.full(ctx, b.convert(p))
		if err != nil {
			return nil, err
		}
		all = append(all, full)
	}
	return all, nil
}

func (b *bitbucketHost) merged(ctx context.Context, branch string) ([]pull, error) {
	query := b.list("state", "MERGED", "q", fmt.Sprintf("destination.branch.name = %q", branch), "sort", "-updated_on")
	list, err := bitbucketPages[bitbucketPull](ctx, b, b.root+"/pullrequests", query, mostMerged)
	var all []pull
	for _, p := range list {
		all = append(all, b.convert(p)) // short hashes will do to look further
	}
	return all, err
}

// associated knows nothing: Bitbucket Cloud relates commits to pull requests only where an extension is installed.
func (b *bitbucketHost) associated(context.Context, string) ([]int, error) { return nil, nil }

func (b *bitbucketHost) pull(ctx context.Context, number int) (pull, error) {
	var p bitbucketPull
	if _, err := b.call(ctx, request{path: b.one(number)}, &p); err != nil {
		return pull{}, err
	}
	out, err := b.full(ctx, b.convert(p))
	if err != nil || out.State != review.Merged {
		return out, err
	}
	// updated_on moves on with every comment; the activity has the time of the merge.
	activity, err := b.activity(ctx, number)
	for _, a := range activity {
		if a.Update != nil && a.Update.State == "MERGED" {
			out.Merged = a.Update.Date
		}
	}
	return out, err
}

func (b *bitbucketHost) write(ctx context.Context, method, path string, in any) (pull, error) {
	var p bitbucketPull
	if _, err := b.call(ctx, request{method: method, path: path, body: in}, &p); err != nil {
		return pull{}, err
	}
	return b.full(ctx, b.convert(p))
}

func (b *bitbucketHost) create(ctx context.Context, d review.Draft) (pull, error) {
	branch := func(name string) any { return map[string]any{"branch": map[string]string{"name": name}} }
	return b.write(ctx, http.MethodPost, b.root+"/pullrequests", map[string]any{
		"title": d.Title, "description": d.Body, "source": branch(d.Head), "destination": branch(d.Base),
	})
}

func (b *bitbucketHost) update(ctx context.Context, number int, d review.Draft) (pull, error) {
	return b.write(ctx, http.MethodPut, b.one(number), map[string]any{"title": d.Title, "description": d.Body})
}

func (b *bitbucketHost) close(ctx context.Context, number int) error {
	_, err := b.call(ctx, request{method: http.MethodPost, path: b.one(number) + "/decline"}, nil)
	return err
}

func (b *bitbucketHost) paths(ctx context.Context, number int) ([]string, error) {
	type side struct {
		Path string `json:"path"`
	}
	type stat struct {
		Old *side `json:"old"`
		New *side `json:"new"`
	}
	list, err := bitbucketPages[stat](ctx, b, b.one(number)+"/diffstat", b.list(), mostPages)
	var paths []string
	for _, s := range list {
		for _, side := range []*side{s.Old, s.New} {
			if side != nil {
				paths = append(paths, side.Path)
			}
		}
	}
	return paths, err
}

type bitbucketCommit struct {
	Hash    string          `json:"hash"`
	Parents []bitbucketHash `json:"parents"`
	Message string          `json:"message"`
	Date    time.Time       `json:"date"`
	Author  struct {
		Raw  string        `json:"raw"`
		User bitbucketUser `json:"user"`
	} `json:"author"`
}

func (c bitbucketCommit) convert() commit {
	out := commit{hash: c.Hash, message: c.Message, author: c.Author.Raw, written: c.Date, login: c.Author.User.login()}
	for _, p := range c.Parents {
		out.parents = append(out.parents, p.Hash)
	}
	return out
}

// commits are listed newest first.
func (b *bitbucketHost) commits(ctx context.Context, number int) ([]commit, error) {
	list, err := bitbucketPages[bitbucketCommit](ctx, b, b.one(number)+"/commits", b.list(), mostPages)
	var all []commit
	for _, c := range list {
		all = append(all, c.convert())
	}
	slices.Reverse(all)
	return all, err
}

func (b *bitbucketHost) anyCommit(ctx context.Context, hash string) (commit, error) {
	var c bitbucketCommit
	_, err := b.call(ctx, request{path: b.root + "/commit/" + url.PathEscape(hash)}, &c)
	return c.convert(), err
}

func (b *bitbucketHost) commit(ctx context.Context, hash string) (commit, error) {
	c, err := b.anyCommit(ctx, hash)
	if err == nil && c.hash != hash { // the name of a branch is taken as well
		return commit{}, fmt.Errorf("%w: there is no such commit", failure.ErrNotFound)
	}
	return c, err
}

func (b *bitbucketHost) file(ctx context.Context, commit, path string) ([]byte, error) {
	at := b.root + "/src/" + url.PathEscape(commit) + "/" + escaped(path)
	var meta struct {
		Type string `json:"type"`
	}
	if _, err := b.call(ctx, request{path: at, query: url.Values{"format": {"meta"}}}, &meta); err != nil {
		return nil, err
	}
	if meta.Type != "commit_file" { // of a directory, its list would come as if it were a file
		return nil, fmt.Errorf("%w: it is a directory", failure.ErrNotFound)
	}
	var data []byte
	_, err := b.call(ctx, request{path: at}, &data)
	return data, err
}

// home is what a status links to that has no link of its own, since Bitbucket demands one.
func (b *bitbucketHost) home() string { return "https://bitbucket.org/" + b.repository }
