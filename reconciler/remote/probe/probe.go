// Package probe is the adapter for the services themselves: it asks one over HTTP, as a client of it would.
//
// The promise: one GET on a connection of its own, with the certificate verified, redirects not followed, and an end after
// ten seconds. The status is the answer; any status is one.
//
// The hazard: no answer is failure.ErrTransient, whatever the reason: a name that does not resolve yet, a certificate
// that is not there yet. Only the smoke test's own limit tells that it is not coming.
package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"cutover/reconciler/failure"
)

const (
	timeout = 10 * time.Second
	// mostOfABody is how much of an answer is read. A server that is cut off in its answer may log an error.
	mostOfABody = 1 << 20
)

// Prober asks services. It may be used by several goroutines.
type Prober struct{ client *http.Client }

// New makes a prober. It has nothing to configure.
func New() *Prober {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true // a connection that is kept would lead to the server of before
	return &Prober{client: &http.Client{
		Timeout:       timeout,
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Probe returns the status that a GET of address answers with. It fails with failure.ErrTransient if there is no answer,
// and with failure.ErrRefused if the address is not an http or https URL.
func (p *Prober) Probe(ctx context.Context, address string) (int, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return 0, fmt.Errorf("probe: %w: the address is not an http or https URL", failure.ErrRefused)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, fmt.Errorf("probe %s: %w: %w", u.Redacted(), failure.ErrRefused, err)
	}
	request.Header.Set("User-Agent", "cutover")
	response, err := p.client.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without the method and the whole URL
		}
		return 0, fmt.Errorf("probe %s: %w: %w", u.Redacted(), failure.ErrTransient, err)
	}
	defer func() { _ = response.Body.Close() }()
	// The status is known. How the body ends does not change it.
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, mostOfABody))
	return response.StatusCode, nil
}
