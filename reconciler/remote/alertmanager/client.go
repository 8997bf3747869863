package alertmanager

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-openapi/runtime"
	transport "github.com/go-openapi/runtime/client"
	"github.com/prometheus/alertmanager/api/v2/client"
	"github.com/prometheus/alertmanager/api/v2/client/silence"

	"cutover/reconciler/failure"
)

const defaultTimeout = 15 * time.Second

// Config says where Alertmanager is and how to log in.
type Config struct {
	// URL is Alertmanager's address, such as https://alertmanager.example.com, with the prefix of its routes if it has one.
	URL string
	// Username and Password log in if they are set, and else Token as a bearer token. Alertmanager itself asks for
	// neither; proxies in front of it do.
	Username, Password, Token string
	// Timeout bounds one request. The default is 15 s.
	Timeout time.Duration
}

// Client is Alertmanager as the reconciler needs it. It may be used by several goroutines.
type Client struct {
	silences silence.ClientService
	timeout  time.Duration
}

// New checks the configuration. It makes no request, so Alertmanager need not be up.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil {
		return nil, errors.New("alertmanager: the URL must be an http or https URL without credentials, such as https://alertmanager.example.com")
	}
	if c.Timeout < 0 {
		return nil, errors.New("alertmanager: Timeout must not be negative")
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	// A redirect is to a login page; following it would turn a write into a read that succeeds.
	plain := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t := transport.NewWithClient(u.Host, strings.TrimRight(u.Path, "/")+client.DefaultBasePath, []string{u.Scheme}, plain)
	t.Debug = false // which the environment variable DEBUG would turn on: it prints log-ins
	switch {
	case c.Username != "":
		t.DefaultAuthentication = transport.BasicAuth(c.Username, c.Password)
	case c.Token != "":
		t.DefaultAuthentication = transport.BearerToken(c.Token)
	}
	return &Client{silences: silence.New(t, nil), timeout: c.Timeout}, nil
}

// deadline bounds one request.
func (c *Client) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.timeout)
}

// translated gives an error of the generated client as one of package failure.
func translated(err error) error {
	status := 0
	var declared interface{ Code() int } // an answer that the API's specification names
	var other *runtime.APIError          // any other answer
	switch {
	case err == nil:
		return nil
	case errors.As(err, &declared):
		status = declared.Code()
	case errors.As(err, &other):
		status = other.Code
	}
	return fmt.Errorf("%w: %w", kindOf(status), plain(err))
}

// plain takes from an error what net/http wraps around it: the method and the whole URL.
func plain(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}

// kindOf classifies a status; 0 is no answer, or none that can be read.
func kindOf(status int) error {
	switch {
	case status == http.StatusNotFound:
		return failure.ErrNotFound
	case status < 300, status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500:
		return failure.ErrTransient
	default:
		return failure.ErrRefused
	}
}
