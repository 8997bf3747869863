package registry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"oras.land/oras-go/v2/registry/remote/retry"
)

// maxAnswers is the most that a registry may send for one chart: the packed chart, its manifest and its
// configuration, in bytes.
const maxAnswers = maxChart + 4<<20

var errTooLarge = fmt.Errorf("the registry sends more than %d MiB for one chart", maxAnswers>>20)

// newTransport repeats what fails temporarily, for some seconds. Unlike Helm's own transport it never falls back
// from HTTPS to HTTP.
func newTransport() http.RoundTripper {
	return retry.NewTransport(http.DefaultTransport.(*http.Transport).Clone())
}

// bound bounds the requests of one call: by a context, and by how much they may answer together.
type bound struct {
	ctx  context.Context
	base http.RoundTripper
	left atomic.Int64 // bytes that may still be read
}

func bind(ctx context.Context, base http.RoundTripper) *bound {
	b := &bound{ctx: ctx, base: base}
	b.left.Store(maxAnswers)
	return b
}

// RoundTrip implements http.RoundTripper.
func (b *bound) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.base.RoundTrip(r.WithContext(b.ctx))
	if err != nil {
		return nil, err
	}
	response.Body = &boundBody{response.Body, &b.left}
	return response, nil
}

type boundBody struct {
	io.ReadCloser
	left *atomic.Int64
}

func (b *boundBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left.Add(-int64(n)) < 0 {
		return n, errTooLarge
	}
	return n, err
}
