package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	spin "github.com/spinnaker/spin/config"
	api "github.com/spinnaker/spin/gateapi"

	"cutover/reconciler/failure"
)

const (
	defaultHTTPTimeout = time.Minute
	defaultRetryFor    = 20 * time.Second
	firstPause         = 100 * time.Millisecond
	longestPause       = 3 * time.Second
)

// Config says where Gate is and how to log in.
type Config struct {
	// Endpoint is Gate's URL, such as https://gate.example.com. If empty, the spin configuration names it.
	Endpoint string
	// SpinConfig is the path of a configuration file of the spin command, for its authentication. As with
	// spin, $NAME in it stands for an environment variable. Empty means none: the home directory is not read.
	SpinConfig string
	// HTTPTimeout bounds one request. The default is a minute: Gate itself waits half of that for a save.
	HTTPTimeout time.Duration
	// RetryFor is how long a read is repeated while it fails temporarily, within the context's deadline.
	// The default is 20 s. Writes are never repeated.
	RetryFor time.Duration
	// Log may be nil.
	Log *slog.Logger
}

// Client is Spinnaker as the reconciler needs it. It may be used by several goroutines.
type Client struct {
	endpoint string
	timeout  time.Duration
	retryFor time.Duration
	log      *slog.Logger
	session  *session
	http     *http.Client // checked and authenticated: also for the requests that spin's API has no use of
	api      *api.APIClient

	mu   sync.Mutex
	read map[string]string // pipeline id -> updateTs when it was last read
}

// New checks the configuration. It makes no request, so Gate need not be up.
func New(c Config) (*Client, error) {
	var conf spin.Config
	if c.SpinConfig != "" {
		var err error
		if conf, err = readSpinConfig(c.SpinConfig); err != nil {
			return nil, err
		}
	}
	endpoint := strings.TrimRight(c.Endpoint, "/")
	if endpoint == "" {
		endpoint = strings.TrimRight(conf.Gate.Endpoint, "/")
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil {
		return nil, errors.New("gate: the endpoint must be an http or https URL without credentials, such as https://gate.example.com")
	}
	if c.HTTPTimeout < 0 || c.RetryFor < 0 {
		return nil, errors.New("gate: HTTPTimeout and RetryFor must not be negative")
	}
	if c.HTTPTimeout == 0 {
		c.HTTPTimeout = defaultHTTPTimeout
	}
	if c.RetryFor == 0 {
		c.RetryFor = defaultRetryFor
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s, err := newSession(endpoint, conf.Auth, c.HTTPTimeout)
	if err != nil {
		return nil, err
	}
	checked := &http.Client{
		Jar:           s.http.Jar,
		Transport:     &checker{base: s.http.Transport, session: s},
		CheckRedirect: lastResponse,
	}
	return &Client{
		endpoint: endpoint,
		timeout:  c.HTTPTimeout,
		retryFor: c.RetryFor,
		log:      c.Log,
		session:  s,
		http:     checked,
		api:      api.NewAPIClient(&api.Configuration{BasePath: endpoint, DefaultHeader: map[string]string{}, UserAgent: "cutover", HTTPClient: checked}),
		read:     map[string]string{},
	}, nil
}

// Accounts lists the names of the accounts that Spinnaker deploys to, sorted.
func (c *Client) Accounts(ctx context.Context) ([]string, error) {
	accounts, err := read(ctx, c, func(ctx context.Context) ([]api.Account, error) {
		list, _, err := c.api.CredentialsControllerApi.GetAccountsUsingGET(ctx, nil) //nolint:bodyclose // spin closes it
		return list, orEmpty(list == nil, err)
	})
	if err != nil {
		return nil, fmt.Errorf("list Spinnaker accounts: %w", err)
	}
	var names []string
	for _, a := range accounts {
		names = append(names, a.Name)
	}
	slices.Sort(names)
	return names, nil
}

// call authenticates and makes one call. Its time is bounded by the context, not by the HTTP client, which would
// hide the checker's error behind one of its own.
func call[T any](ctx context.Context, c *Client, do func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	authenticated, err := c.session.context(ctx)
	if err != nil {
		var none T
		return none, err
	}
	result, err := do(authenticated)
	return result, plain(err)
}

// read makes a call that changes nothing, and repeats it while it fails temporarily.
func read[T any](ctx context.Context, c *Client, do func(context.Context) (T, error)) (T, error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = firstPause, longestPause
	return backoff.Retry(ctx, func() (T, error) {
		result, err := call(ctx, c, do)
		if err != nil && (!errors.Is(err, failure.ErrTransient) || ctx.Err() != nil) {
			return result, backoff.Permanent(err)
		}
		return result, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(c.retryFor),
		backoff.WithNotify(func(err error, pause time.Duration) {
			c.log.Debug("Gate failed, reading again", "error", err, "pause", pause)
		}))
}

// escaped makes a name safe as a part of a path: spin puts it there as it is.
func escaped(name string) string { return url.PathEscape(name) }
