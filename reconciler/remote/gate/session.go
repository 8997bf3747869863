package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/spinnaker/spin/cmd/gateclient"
	spin "github.com/spinnaker/spin/config"
	"github.com/spinnaker/spin/config/auth"
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

	mu     sync.Mutex
	values context.Context // carries the credentials that spin's API adds to each request; nil when logged out
}

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
	client.Timeout = timeout
	client.CheckRedirect = lastResponse
	return &session{endpoint: endpoint, auth: a, http: client}, nil
}

// lastResponse keeps a redirect from being followed: one to a login page would read as success.
func lastResponse(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// context returns ctx with the credentials that belong to a request, and logs in first if need be.
func (s *session) context(ctx context.Context) (context.Context, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values == nil {
		values, err := gateclient.ContextWithAuth(context.Background(), s.auth)
		if err == nil {
			_, err = gateclient.Authenticate(func(string) {}, s.http, s.endpoint, s.auth)
		}
		if err != nil {
			// spin's text can quote a token source or a request.
			return nil, fmt.Errorf("log in to Gate: %w: the log-in of the spin configuration failed", failure.ErrTransient)
		}
		s.values = values
	}
	return withValues{ctx, s.values}, nil
}

// renewable tells whether logging in again can help once Gate no longer knows us.
func (s *session) renewable() bool {
	a := s.auth
	return a != nil && a.Enabled && (a.OAuth2 != nil || a.Ldap != nil || a.Iap != nil || a.GoogleServiceAccount != nil)
}

// forget makes the next call log in again.
func (s *session) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values = nil
}

// withValues is a caller's context with the values of the session's one.
type withValues struct {
	context.Context
	values context.Context
}

func (c withValues) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	return c.values.Value(key)
}
