package githost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jenkins-x/go-scm/scm"

	"cutover/reconciler/failure"
)

const (
	// mostAnswer bounds an answer, and so a file, in bytes.
	mostAnswer = 32 << 20
	// mostComplaint bounds what is shown of a host's own words, in runes.
	mostComplaint = 300
	mostRedirects = 5
)

// api makes the calls of one host with go-scm's client: its authentication and its reading of the Link header. Only the
// services of go-scm's drivers are not used. They turn an answer's own words into the name of its status, drop who merged
// a pull request and when, lack reviews, closing and updating on some hosts, and Gitea's ignores the context.
type api struct {
	scm     *scm.Client
	secret  string
	timeout time.Duration
	page    int // how long a page of a list is; 0 is as long as the host gives
	limit   limit
}

// newAPI gives calls to paths below base, authenticated by what transport makes of the configured one.
func newAPI(c ClientConfig, base *url.URL, authenticated func(http.RoundTripper) http.RoundTripper) *api {
	transport := c.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	rooted := *base
	rooted.Path = strings.TrimRight(rooted.Path, "/") + "/"
	return &api{
		secret:  c.Token,
		timeout: c.Timeout,
		page:    c.PageSize,
		limit:   limit{now: time.Now},
		scm: &scm.Client{BaseURL: &rooted, Client: &http.Client{
			Transport:     authenticated(transport),
			CheckRedirect: sameHost,
		}},
	}
}

// sameHost follows a read within its host. The transport would give the token to any other one.
func sameHost(next *http.Request, before []*http.Request) error {
	first := before[0]
	if next.URL.Scheme != first.URL.Scheme || next.URL.Host != first.URL.Host || first.Method != http.MethodGet || len(before) > mostRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

// request is one call.
type request struct {
	method string // GET if empty
	path   string // relative to the base, escaped
	query  url.Values
	accept string
	body   any // to be sent as JSON
}

// call makes a request and decodes its JSON answer into out, unless that is nil; a *[]byte gets it as it is.
func (a *api) call(ctx context.Context, r request, out any) (*scm.Response, error) {
	if err := a.limit.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	in := &scm.Request{Method: r.method, Path: r.path, Header: http.Header{"User-Agent": {"cutover"}}}
	if in.Method == "" {
		in.Method = http.MethodGet
	}
	if len(r.query) > 0 {
		in.Path += "?" + r.query.Encode()
	}
	if r.accept != "" {
		in.Header.Set("Accept", r.accept)
	}
	if r.body != nil {
		data, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		in.Header.Set("Content-Type", "application/json")
		in.Body = bytes.NewReader(data)
	}
	answer, err := a.scm.Do(ctx, in)
	if err != nil {
		return nil, a.unreachable(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Status >= http.StatusMultipleChoices {
		return answer, a.refusal(answer)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer+1))
	switch {
	case err != nil:
		return answer, a.unreachable(err)
	case len(data) > mostAnswer:
		return answer, fmt.Errorf("%w: the answer is larger than %d MiB", failure.ErrRefused, mostAnswer>>20)
	}
	switch out := out.(type) {
	case nil:
	case *[]byte:
		*out = data
	default:
		if err := json.Unmarshal(data, out); err != nil {
			// Not the git host: a proxy's page, or half an answer.
			return answer, fmt.Errorf("%w: the answer is not the JSON that the git host promises", failure.ErrTransient)
		}
	}
	return answer, nil
}

// pages reads a list whose next page the Link header names, or, where Gitea has none, as for reviews, whose length
// X-Total-Count does.
func pages[T any](ctx context.Context, a *api, path string, query url.Values, most int) ([]T, error) {
	var all []T
	query = clone(query)
	for page, count := 1, 0; count < most; count++ {
		query.Set("page", fmt.Sprint(page))
		var batch []T
		answer, err := a.call(ctx, request{path: path, query: query}, &batch)
		if err != nil {
			return nil, err
		}
		all = append(all, batch...)
		total, _ := strconv.Atoi(answer.Header.Get("X-Total-Count"))
		switch {
		case answer.Page.Next > page:
			page = answer.Page.Next
		case len(batch) > 0 && len(all) < total:
			page++
		default:
			return all, nil
		}
	}
	return all, nil
}

// list is the query of a list.
func (a *api) list(size string, most int, pairs ...string) url.Values {
	if a.page > 0 {
		most = a.page
	}
	query := url.Values{size: {strconv.Itoa(most)}}
	for i := 0; i < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	return query
}

func clone(v url.Values) url.Values {
	c := url.Values{}
	for key, values := range v {
		c[key] = append([]string(nil), values...)
	}
	return c
}

// unreachable is the error of a call without an answer. The URL, which net/http puts into its errors, is left out.
func (a *api) unreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("%w: %w", failure.ErrTransient, redacted{err, a.secret})
}

// redacted shows an error without the token.
type redacted struct {
	err    error
	secret string
}

func (r redacted) Error() string { return redact(r.err.Error(), r.secret) }
func (r redacted) Unwrap() error { return r.err }

func redact(text, secret string) string {
	for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
		text = strings.ReplaceAll(text, form, "[token]")
	}
	return text
}

// refusal is the error of an answer that is not a success.
func (a *api) refusal(answer *scm.Response) error {
	data, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	said := complaint(data)
	if said == "" {
		said = http.StatusText(answer.Status)
	}
	kind := kindOf(answer.Status)
	if limited(answer.Status, answer.Header, said) {
		a.limit.refused(answer.Header)
		kind = failure.ErrTransient
	}
	return fmt.Errorf("%w: HTTP %d: %s", kind, answer.Status, cut(redact(said, a.secret), mostComplaint))
}

// kindOf tells what the caller can do about an answer.
func kindOf(status int) error {
	switch {
	case status == http.StatusNotFound, status == http.StatusGone:
		return failure.ErrNotFound
	case status == http.StatusConflict, status == http.StatusPreconditionFailed:
		return failure.ErrConflict
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusLocked,
		status >= http.StatusInternalServerError:
		return failure.ErrTransient
	}
	return failure.ErrRefused
}

// complaint finds the host's own words in an error's body: message in GitHub, Gitea and GitLab, error in GitLab and
// Bitbucket, errors in GitHub and Bitbucket Server.
func complaint(body []byte) string {
	var answer struct {
		Message any `json:"message"`
		Error   any `json:"error"`
		Errors  any `json:"errors"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return "" // a page for a browser
	}
	var all []string
	for _, said := range []any{answer.Message, answer.Error, answer.Errors} {
		all = append(all, words(said)...)
	}
	return strings.Join(all, "; ")
}

// words are the sentences in an error, whatever the shape that the host gives it.
func words(said any) []string {
	switch said := said.(type) {
	case string:
		if said = strings.TrimSpace(said); said != "" {
			return []string{said}
		}
	case []any:
		var all []string
		for _, one := range said {
			all = append(all, words(one)...)
		}
		return all
	case map[string]any:
		if message := words(said["message"]); len(message) > 0 {
			return message
		}
		var all []string
		for _, key := range sorted(said) { // GitLab's problems by field
			for _, word := range words(said[key]) {
				all = append(all, key+": "+word)
			}
		}
		return all
	}
	return nil
}

// escaped makes each part of a path safe in a URL.
func escaped(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}
