package prometheus

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"cutover/reconciler/failure"
)

// transport logs in, and makes errors of the answers whose status the API's client does not tell.
type transport struct{ config Config }

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	switch {
	case t.config.Username != "":
		r.SetBasicAuth(t.config.Username, t.config.Password)
	case t.config.Token != "":
		r.Header.Set("Authorization", "Bearer "+t.config.Token)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	var kind error
	switch status := response.StatusCode; {
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		kind = failure.ErrTransient
	case status >= 300 && status < 400:
		kind = failure.ErrRefused
	default:
		return response, nil
	}
	_ = response.Body.Close()
	return nil, fmt.Errorf("%w: %s", kind, response.Status)
}

// lastResponse keeps redirects from being followed: they lead to log-in pages.
func lastResponse(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// translated gives an error of the API's client as one of package failure.
func translated(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err // without the method and the whole URL
	}
	if errors.Is(err, failure.ErrTransient) || errors.Is(err, failure.ErrRefused) {
		return err
	}
	kind := failure.ErrTransient // a timeout, a 5xx, an answer that is not Prometheus'
	var answer *v1.Error
	if errors.As(err, &answer) {
		switch answer.Type {
		case v1.ErrBadData, v1.ErrExec, v1.ErrClient:
			kind = failure.ErrRefused
		case v1.ErrTimeout, v1.ErrCanceled, v1.ErrBadResponse, v1.ErrServer:
		}
	}
	return fmt.Errorf("%w: %w", kind, err)
}
