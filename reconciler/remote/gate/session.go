package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spinnaker/spin/cmd/gateclient"
	spin "github.com/spinnaker/spin/config"
	"github.com/spinnaker/spin/config/auth"
	"golang.org/x/sync/singleflight"
	"sigs.k8s.io/yaml"

	"cutover/reconciler/failure"
)

// readSpinConfig reads what the spin command would read from the file. Its content is never part of an error.
func readSpinConfig(path string) (conf spin.Config, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return conf, fmt.Errorf("gate: spin configuration: %w", err)
	}
	if err := yaml.UnmarshalStrict([]byte(os.ExpandEnv(string(data))), &conf); err != nil {
		return conf, fmt.Errorf("gate: spin configuration %s is no valid configuration of spin v1.30: check its field names and indentation", path)
	}
	return conf, nil
}

// session is the state of being logged in. Logging in is put off until the first call, and done again after
// Gate has forgotten the session.
type session struct {
	endpoint string
	auth     *auth.Config
	http     *http.Client // unchecked: a login may well answer with a redirect

	flight singleflight.Group // of logging in

	mu       sync.Mutex
	now      *login    // nil when logged out
	refusals int       // of the password, one after the other
	again    time.Time // when it may be sent again
}

// login is what a log-in gave.
type login struct {
	values context.Context // carries the credentials that spin's API adds to each request
	proven atomic.Bool     // Gate has answered to them
}

// prove notes that Gate knows us.
func (l *login) prove() {
	if l != nil {
		l.proven.Store(true)
	}
}

// A password that was refused is not sent again for a while, and then a longer one: directories lock an account after a few
// attempts within some minutes, and one that is away for a moment looks the same.
const (
	firstLockout = time.Minute
	mostLockout  = 16 * time.Minute
)

func newSession(endpoint string, a *auth.Config, timeout time.Duration) (*session, error) {
	if a != nil && a.Enabled {
		// spin would ask at the terminal; a daemon has none.
		switch {
		case a.OAuth2 != nil && a.OAuth2.CachedToken == nil:
			return nil, errors.New("gate: the spin configuration has no cached OAuth2 token: run the spin command once and log in")
		case a.Ldap != nil && !a.Ldap.IsValid():
			return nil, errors.New("gate: the spin configuration has no LDAP user name or no password")
		case a.Basic != nil && !a.Basic.IsValid():
			return nil, errors.New("gate: the spin configuration has no basic user name or no password")
		}
	}
	client, err := gateclient.InitializeHTTPClient(a)
	if err != nil {
		return nil, fmt.Errorf("gate: certificates of the spin configuration: %w", err)
	}
	client.Transport = answered{client.Transport}
	client.Timeout = timeout
	client.CheckRedirect = lastResponse
	return &session{endpoint: endpoint, auth: a, http: client}, nil
}

// answered makes an error of what is no answer of Gate to a log-in, but of a proxy that does not reach it: spin's log-in takes
// whatever comes for success.
type answered struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t answered) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.base.RoundTrip(r)
	if err != nil || r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/login") {
		return response, err
	}
	if kind := kindOf(response.StatusCode); response.StatusCode < 400 || errors.Is(kind, failure.ErrRefused) {
		return response, nil
	}
	_ = response.Body.Close()
	return nil, fmt.Errorf("log in: %d %s", response.StatusCode, http.StatusText(response.StatusCode))
}

// lastResponse keeps a redirect from being followed: one to a login page would read as success.
func lastResponse(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// context returns ctx with the credentials that belong to a request, and logs in first if need be. spin's log-in knows no
// deadline, so it is waited for only as long as ctx lasts.
func (s *session) context(ctx context.Context) (context.Context, error) {
	s.mu.Lock()
	now, pause := s.now, time.Until(s.again)
	s.mu.Unlock()
	switch {
	case now != nil:
		return withLogin{ctx, now}, nil
	case pause > 0:
		return nil, fmt.Errorf("log in to Gate: %w: it refused the password of the spin configuration; it is not sent again for %s, as that could lock the account", failure.ErrRefused, pause.Round(time.Second))
	}
	done := s.flight.DoChan("", func() (any, error) { return s.logIn() })
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("log in to Gate: %w: no answer in time: %w", failure.ErrTransient, ctx.Err())
	case result := <-done:
		if result.Err != nil {
			return nil, result.Err
		}
		return withLogin{ctx, result.Val.(*login)}, nil
	}
}

func (s *session) logIn() (*login, error) {
	values, err := gateclient.ContextWithAuth(context.Background(), s.auth)
	if err == nil {
		_, err = gateclient.Authenticate(func(string) {}, s.http, s.endpoint, s.auth)
	}
	if err != nil {
		// spin's text can quote a token source or a request.
		return nil, fmt.Errorf("log in to Gate: %w: the log-in of the spin configuration failed", failure.ErrTransient)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = &login{values: values}
	return s.now, nil
}

// loggedOut notes that Gate does not know a log-in, and returns what that means for the caller: the next call logs in
// again, unless that would not help.
func (s *session) loggedOut(l *login) error {
	a := s.auth
	if a == nil || !a.Enabled {
		return failure.ErrRefused
	}
	password := a.Ldap != nil || a.Basic != nil
	if !password && a.OAuth2 == nil && a.Iap == nil && a.GoogleServiceAccount == nil {
		return failure.ErrRefused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l != s.now { // there is a newer one by now
		return failure.ErrTransient
	}
	s.now = nil
	if !password || l.proven.Load() {
		s.refusals = 0
		return failure.ErrTransient
	}
	s.again = time.Now().Add(min(firstLockout<<s.refusals, mostLockout))
	s.refusals = min(s.refusals+1, 10)
	return failure.ErrRefused
}

// withLogin is a caller's context with the values of a log-in's one.
type withLogin struct {
	context.Context
	login *login
}

// loginKey finds the log-in of a request's context.
type loginKey struct{}

func (c withLogin) Value(key any) any {
	if key == (loginKey{}) {
		return c.login
	}
	if v := c.Context.Value(key); v != nil {
		return v
	}
	return c.login.values.Value(key)
}

// loginOf is the log-in that a request was made with.
func loginOf(ctx context.Context) *login {
	l, _ := ctx.Value(loginKey{}).(*login)
	return l
}
