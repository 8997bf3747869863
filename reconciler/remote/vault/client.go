package vault

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/hashicorp/vault/api"

	"cutover/reconciler/failure"
)

// Client is Vault as the reconciler and secret-sync need it. It may be used by several goroutines.
type Client struct {
	api       *api.Client
	session   *session
	syncRoles []string
	timeout   time.Duration
	log       *slog.Logger
	slots     chan struct{} // one for each request under way
	hashKey   []byte        // of Compare; never leaves the process
}

// New checks the configuration. It makes no request, so Vault need not be up. Call Close when done.
func New(c Config) (*Client, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = parallel
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	config := &api.Config{
		Address: c.Address,
		HttpClient: &http.Client{
			Transport: transport,
			// The API follows the redirect of a standby by itself, token and all; no other one is to be followed.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		MaxRetries: 0,         // the reconciler repeats
		Timeout:    c.Timeout, // of renewals, which are nobody's call
	}
	if c.CAFile != "" {
		if err := config.ConfigureTLS(&api.TLSConfig{CACert: c.CAFile}); err != nil {
			return nil, fmt.Errorf("vault: read the certificate authority %s: %w", c.CAFile, err)
		}
	}
	client, err := api.NewClient(config)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	config.HttpClient.Transport = genuine{config.HttpClient.Transport} // the API itself wants to see the bare one until here
	// What the environment says is for people's own command line.
	client.ClearToken()
	client.ClearNamespace()
	if c.Namespace != "" {
		client.SetNamespace(c.Namespace)
	}
	v := &Client{
		api: client, session: newSession(client, c.Auth, c.Log), syncRoles: c.SyncRoles, timeout: c.Timeout,
		log: c.Log, slots: make(chan struct{}, parallel), hashKey: make([]byte, 32),
	}
	if _, err := rand.Read(v.hashKey); err != nil {
		return nil, fmt.Errorf("vault: make the key of the hash: %w", err)
	}
	return v, nil
}

// Close ends the renewal of the token. It does not revoke it.
func (c *Client) Close() { c.session.close() }

// call makes one request, logged in. name is what is being done, for the error.
func (c *Client) call(ctx context.Context, name string, do func(context.Context) (*api.Secret, error)) (*api.Secret, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", name, ctx.Err())
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	login, err := c.session.login(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	answer, err := do(ctx)
	if err = translate(err); errors.Is(err, errDenied) && c.session.ended(ctx, login) {
		if _, err = c.session.login(ctx); err == nil {
			answer, err = do(ctx)
			err = translate(err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return answer, nil
}

// read gets what is at path; nil if there is nothing.
func (c *Client) read(ctx context.Context, path string) (*api.Secret, error) {
	return c.call(ctx, "read "+path, func(ctx context.Context) (*api.Secret, error) {
		return c.api.Logical().ReadWithContext(ctx, path)
	})
}

// list gets the names in the folder path, sorted as Vault sorts them; folders end in a slash.
func (c *Client) list(ctx context.Context, path string) ([]string, error) {
	answer, err := c.call(ctx, "list "+path, func(ctx context.Context) (*api.Secret, error) {
		return c.api.Logical().ListWithContext(ctx, path)
	})
	if err != nil || answer == nil {
		return nil, err
	}
	return texts("list "+path, answer.Data["keys"])
}

// write writes data at path.
func (c *Client) write(ctx context.Context, path string, data map[string]any) (*api.Secret, error) {
	return c.call(ctx, "write "+path, func(ctx context.Context) (*api.Secret, error) {
		return c.api.Logical().WriteWithContext(ctx, path, data)
	})
}

// texts reads a list of strings in an answer.
func texts(call string, list any) ([]string, error) {
	items, ok := list.([]any)
	if !ok && list != nil {
		return nil, fmt.Errorf("%s: %w: the answer has no list where one should be", call, failure.ErrTransient)
	}
	out := make([]string, len(items))
	for i, item := range items {
		if out[i], ok = item.(string); !ok {
			return nil, fmt.Errorf("%s: %w: the answer's list holds something else than texts", call, failure.ErrTransient)
		}
	}
	return out, nil
}
