package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/hashicorp/vault/api"

	"cutover/reconciler/failure"
)

// session is the state of being logged in.
type session struct {
	api    *api.Client
	auth   Auth
	log    *slog.Logger
	ctx    context.Context // of the renewal; close ends it
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	logins int  // how often we have logged in; tells a token from the one before
	valid  bool // the client has a token that may be used
}

func newSession(client *api.Client, auth Auth, log *slog.Logger) *session {
	s := &session{api: client, auth: auth, log: log}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

func (s *session) close() {
	s.cancel()
	s.done.Wait()
}

// login logs in unless we are, and returns which log-in it is.
func (s *session) login(ctx context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.valid {
		return s.logins, nil
	}
	if s.ctx.Err() != nil {
		return 0, errors.New("the client is closed")
	}
	secret, err := s.token(ctx)
	if err != nil {
		return 0, fmt.Errorf("log in to Vault: %w", err)
	}
	s.api.SetToken(secret.Auth.ClientToken)
	s.logins++
	s.valid = true
	if secret.Auth.LeaseDuration > 0 {
		if err := s.renew(secret, s.logins); err != nil {
			return 0, fmt.Errorf("log in to Vault: %w", err)
		}
	}
	return s.logins, nil
}

// token gets a token by the configured way.
func (s *session) token(ctx context.Context) (*api.Secret, error) {
	switch a := s.auth; {
	case a.AppRole != nil:
		id := a.AppRole.SecretID
		if file := a.AppRole.SecretIDFile; file != "" {
			var err error
			if id, err = readSecret(file); err != nil {
				return nil, err
			}
		}
		return s.ask(ctx, a.AppRole.Mount, map[string]any{"role_id": a.AppRole.RoleID, "secret_id": id.Reveal()})
	case a.Kubernetes != nil:
		jwt, err := readSecret(a.Kubernetes.JWTFile)
		if err != nil {
			return nil, err
		}
		return s.ask(ctx, a.Kubernetes.Mount, map[string]any{"role": a.Kubernetes.Role, "jwt": jwt.Reveal()})
	case a.TokenFile != "":
		token, err := readSecret(a.TokenFile)
		if err != nil {
			return nil, err
		}
		return s.lookUp(ctx, token)
	default:
		return s.lookUp(ctx, a.Token)
	}
}

// ask logs in at an auth method. What it sends is secret, and Vault quotes none of it.
func (s *session) ask(ctx context.Context, mount string, credentials map[string]any) (*api.Secret, error) {
	path := "auth/" + mount + "/login"
	s.api.ClearToken()
	secret, err := s.api.Logical().WriteWithContext(ctx, path, credentials)
	switch {
	case errors.Is(translate(err), errDenied):
		// Not to be taken for what the policies of a token lack.
		return nil, fmt.Errorf("%s: %w: Vault does not let us in there", path, failure.ErrRefused)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, translate(err))
	case secret == nil || secret.Auth == nil || secret.Auth.ClientToken == "":
		return nil, fmt.Errorf("%s: %w: the answer has no token", path, failure.ErrRefused)
	}
	return secret, nil
}

// lookUp finds out how long a given token lasts. One whose policies do not let it look at itself is used as it is.
func (s *session) lookUp(ctx context.Context, token Value) (*api.Secret, error) {
	s.api.SetToken(token.Reveal())
	made := &api.Secret{Auth: &api.SecretAuth{ClientToken: token.Reveal()}}
	self, err := s.api.Auth().Token().LookupSelfWithContext(ctx)
	if err = translate(err); errors.Is(err, errDenied) {
		s.log.WarnContext(ctx, "the Vault token may not look itself up, or has ended: it is not renewed")
		return made, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up the token: %w", err)
	}
	if ttl, ok := self.Data["ttl"].(json.Number); ok {
		seconds, _ := ttl.Int64() // 0 for one that does not end
		made.Auth.LeaseDuration = int(seconds)
	}
	made.Auth.Renewable, _ = self.Data["renewable"].(bool)
	return made, nil
}

// renew keeps a token alive while Vault lets it, and then makes the next call log in again.
func (s *session) renew(secret *api.Secret, login int) error {
	watcher, err := s.api.NewLifetimeWatcher(&api.LifetimeWatcherInput{Secret: secret})
	if err != nil {
		return err
	}
	s.done.Go(watcher.Start)
	s.done.Go(func() {
		defer watcher.Stop()
		for {
			select {
			case <-s.ctx.Done():
				return
			case <-watcher.RenewCh():
				s.log.DebugContext(s.ctx, "renewed the Vault token")
			case err := <-watcher.DoneCh():
				if err != nil {
					err = translate(err)
				}
				s.log.InfoContext(s.ctx, "the Vault token cannot be renewed any longer; logging in again", "error", err)
				s.forget(login)
				return
			}
		}
	})
	return nil
}

// forget makes the next call log in, if the given log-in is still the newest.
func (s *session) forget(login int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logins == login {
		s.valid = false
	}
}

// ended tells, after a call was denied, whether that was for the token's end and not for its policies, and another
// token can be had. Then the next login gets it.
func (s *session) ended(ctx context.Context, login int) bool {
	if !s.auth.Token.IsZero() {
		return false
	}
	s.mu.Lock()
	newer := s.logins != login
	s.mu.Unlock()
	if newer {
		return true
	}
	_, err := s.api.Auth().Token().LookupSelfWithContext(ctx)
	if !errors.Is(translate(err), errDenied) {
		return false
	}
	s.forget(login)
	return true
}

// readSecret reads a file with one secret, which is not part of any error.
func readSecret(file string) (Value, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Value{}, err
	}
	text := strings.TrimSpace(string(data))
	if text == "" {
		return Value{}, fmt.Errorf("%s is empty", file)
	}
	return NewValue(text), nil
}
