package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/utils/lru"

	"cutover/gitops/estate"
	"cutover/reconciler/failure"
)

const (
	defaultTimeout = time.Minute
	defaultTagTTL  = 30 * time.Second
	// maxCharts is how many unpacked charts, and how many tags, are remembered. An estate has a handful.
	maxCharts = 32
)

// Config says where charts are kept, and how registries are spoken to.
type Config struct {
	// Dir is where pulled charts are kept, by digest. Processes may share it, and it may be emptied at any time.
	Dir string
	// Host is the registry that Username and Password are for, with its port if it has one. Other hosts, and this
	// one if it has no Username, get what Helm's and docker's credential files hold for them.
	Host     string
	Username string
	Password []byte
	// PlainHTTP are the hosts, with their ports, that are spoken to without TLS.
	PlainHTTP []string
	// Timeout bounds the pull of one chart. The default is a minute.
	Timeout time.Duration
	// TagTTL is how long a tag is taken to mean the digest that it meant last. The default is 30 s.
	TagTTL time.Duration
	// Now is the clock that TagTTL is measured by. The default is time.Now.
	Now func() time.Time
}

// Registry pulls charts from OCI registries and remembers them. It may be used by several goroutines.
type Registry struct {
	config Config
	kept   blobs
	http   http.RoundTripper
	flight singleflight.Group // by reference
	tags   *lru.Cache         // reference -> tag
	charts *lru.Cache         // manifest's digest -> []estate.File
}

// New checks the configuration and makes c.Dir. It makes no request, so no registry need be up.
func New(c Config) (*Registry, error) {
	switch {
	case c.Dir == "":
		return nil, errors.New("registry: no directory for pulled charts")
	case (c.Username == "") != (len(c.Password) == 0):
		return nil, errors.New("registry: give both username and password, or neither")
	case c.Username != "" && c.Host == "":
		return nil, errors.New("registry: say which host the username and the password are for")
	case c.Timeout < 0 || c.TagTTL < 0:
		return nil, errors.New("registry: Timeout and TagTTL must not be negative")
	}
	for _, host := range append(slices.Clone(c.PlainHTTP), c.Host) {
		if host != "" && !isHost(host) {
			return nil, fmt.Errorf("registry: %q is not a host such as registry.example.com or 10.1.2.3:5000", host)
		}
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.TagTTL == 0 {
		c.TagTTL = defaultTagTTL
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return &Registry{
		config: c,
		kept:   blobs{c.Dir},
		http:   newTransport(),
		tags:   lru.New(maxCharts),
		charts: lru.New(maxCharts),
	}, nil
}

// Chart returns the files of the chart that reference names, oci://HOST/NAME:VERSION or
// oci://HOST/NAME[:VERSION]@sha256:DIGEST, by paths relative to the chart's root, sorted. They are shared: callers
// must not change them. It fails with failure.ErrNotFound if the registry has no such chart, failure.ErrRefused if
// it lets us not have it or if what it has cannot be used, and failure.ErrTransient if asking again may help.
func (r *Registry) Chart(ctx context.Context, reference string) ([]estate.File, error) {
	ref, err := parseReference(reference)
	if err != nil {
		return nil, fmt.Errorf("pull chart: %w: %w", failure.ErrRefused, err)
	}
	pulled := r.flight.DoChan(ref.String(), func() (any, error) {
		// Others may wait for this pull, too, so it does not end with the caller who began it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.config.Timeout)
		defer cancel()
		return r.chart(ctx, ref)
	})
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("pull chart %s: %w: %w", reference, failure.ErrTransient, ctx.Err())
	case result := <-pulled:
		if result.Err != nil {
			return nil, fmt.Errorf("pull chart %s: %w", reference, explain(result.Err, ref.Registry))
		}
		return result.Val.([]estate.File), nil
	}
}
