package githost

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"cutover/gitops/review"
	"cutover/reconciler/failure"
)

const (
	defaultTimeout = 30 * time.Second
	// mostPages bounds every list: a host that always names a next page must not hold the caller forever.
	mostPages = 1000
)

// ClientConfig says which repository at which git host a Client works in, and as whom.
type ClientConfig struct {
	Kind Kind
	// Server is the host's URL as a browser knows it, such as https://git.example.com. It may be empty for GitHub,
	// GitLab and Bitbucket, which then is the public one.
	Server string
	// Repository is owner/name; a GitLab project may have more parts, Bitbucket Server's owner is the project's key.
	Repository string
	// Token belongs to the user as whom everything is done. What its rights must be is in the package's documentation.
	Token string
	// Username is needed for tokens of Bitbucket that are used as a user's password. Otherwise it is not used.
	Username string
	// Timeout bounds each request. The default is 30 s.
	Timeout time.Duration
	// PageSize is how much of a list is asked for at once. The default is as much as the host gives; less is for tests.
	PageSize int
	// Transport may be nil, for the default one.
	Transport http.RoundTripper
}

// Client is the pull requests of one repository and what is said about them. It may be used by several goroutines.
type Client struct {
	product product
	timeout time.Duration

	// writing keeps two calls of this process from both finding nothing and both creating it. What another process does
	// at the same time is put right after the creation.
	writing sync.Mutex
	// setting keeps two calls of this process from setting a status in another order than they remember it.
	setting sync.Mutex

	statusesSet   *memory[statusKey, review.Status]
	commentsKnown *memory[commentKey, ownComment]

	mu sync.Mutex
	me string // the token's user, once known
}

// New checks the configuration. It makes no request, so the git host need not be up.
func New(c ClientConfig) (*Client, error) {
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Server == "" {
		c.Server = publicServers[c.Kind]
	}
	if !c.Kind.Valid() {
		return nil, fmt.Errorf("git host: %w: unknown git host %q: use %s", failure.ErrRefused, c.Kind, kinds)
	}
	server, err := url.Parse(strings.TrimRight(c.Server, "/"))
	switch {
	case err != nil || server.Host == "" || server.Scheme != "http" && server.Scheme != "https" || server.User != nil || server.RawQuery != "":
		// The error of url.Parse would show what may be a password.
		return nil, fmt.Errorf("git host: %w: the server must be an http or https URL without credentials, such as https://git.example.com", failure.ErrRefused)
	case c.Token == "":
		return nil, fmt.Errorf("git host: %w: the token is missing", failure.ErrRefused)
	case c.Timeout < 0:
		return nil, fmt.Errorf("git host: %w: the timeout of %s is negative", failure.ErrRefused, c.Timeout)
	}
	parts := strings.Split(c.Repository, "/")
	if len(parts) < 2 || len(parts) > 2 && c.Kind != GitLab {
		return nil, fmt.Errorf("git host: %w: the repository %q is not owner/name", failure.ErrRefused, c.Repository)
	}
	for _, part := range parts {
		if part == "" || part == "." || part == ".." {
			return nil, fmt.Errorf("git host: %w: the repository %q is not owner/name", failure.ErrRefused, c.Repository)
		}
	}
	p, err := newProduct(c, server)
	if err != nil {
		return nil, err
	}
	return &Client{
		product: newRemembering(p), timeout: c.Timeout,
		statusesSet: newMemory[statusKey, review.Status](), commentsKnown: newMemory[commentKey, ownComment](),
	}, nil
}

// publicServers are the hosts that a configuration without a server means.
var publicServers = map[Kind]string{
	GitHub:    "https://github.com",
	GitLab:    "https://gitlab.com",
	Bitbucket: "https://bitbucket.org",
}

func newProduct(c ClientConfig, server *url.URL) (product, error) {
	switch c.Kind {
	case GitHub, Gitea:
		return newGitHub(c, server)
	case GitLab:
		return newGitLab(c, server)
	case Bitbucket:
		return newBitbucket(c, server)
	case BitbucketServer:
		return newBitbucketServer(c, server)
	}
	return nil, fmt.Errorf("git host: %w: unknown git host %q: use %s", failure.ErrRefused, c.Kind, kinds)
}
