package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	defaultConcurrency = 8
	defaultTimeout     = 10 * time.Second
	// behind is how far a sender may fall back before it gives up catching up.
	behind = time.Second
)

// Config says what to send.
type Config struct {
	// Targets are the URLs that are asked in turn: the frontends of a fleet.
	Targets []string
	// Concurrency is how many requests are under way at most. The default is 8.
	Concurrency int
	// Rate is how many requests are sent in a second, over all targets. Without it, as many as are answered.
	Rate float64
	// Timeout bounds one request. The default is 10 s.
	Timeout time.Duration
}

func (c Config) withDefaults() (Config, error) {
	if len(c.Targets) == 0 {
		return c, errors.New("load: no target")
	}
	for _, target := range c.Targets {
		if u, err := url.Parse(target); err != nil || u.Host == "" {
			return c, fmt.Errorf("load: target %q is no URL", target)
		}
	}
	if c.Concurrency < 0 || c.Rate < 0 || c.Timeout < 0 {
		return c, errors.New("load: concurrency, rate and timeout must not be negative")
	}
	if c.Concurrency == 0 {
		c.Concurrency = defaultConcurrency
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	return c, nil
}

// Source is running load.
type Source struct {
	config Config
	client *http.Client
	cancel context.CancelFunc
	done   sync.WaitGroup
	tally  tally
}

// Start begins to send, until ctx ends or Stop is called.
func Start(ctx context.Context, c Config) (*Source, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &Source{
		config: c,
		cancel: cancel,
		client: &http.Client{
			Timeout: c.Timeout,
			// One connection per sender and target, kept. No proxy from the environment: the edge is meant.
			Transport:     &http.Transport{MaxIdleConnsPerHost: c.Concurrency, DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	begin := time.Now()
	for sender := range c.Concurrency {
		s.done.Go(func() { s.send(ctx, sender, begin) })
	}
	return s, nil
}

// Stop ends the load, and returns when the requests that were under way are answered and counted.
func (s *Source) Stop() {
	s.cancel()
	s.done.Wait()
	s.client.CloseIdleConnections()
}

// Snapshot is what was counted so far.
func (s *Source) Snapshot() Snapshot { return s.tally.snapshot() }

// send is one sender, which has one request under way at a time. Senders take turns: each sends at its share of the rate.
func (s *Source) send(ctx context.Context, sender int, next time.Time) {
	var pause time.Duration
	if s.config.Rate > 0 {
		pause = time.Duration(float64(s.config.Concurrency) / s.config.Rate * float64(time.Second))
		next = next.Add(pause * time.Duration(sender) / time.Duration(s.config.Concurrency))
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := sender; ; i++ {
		timer.Reset(time.Until(next))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if ctx.Err() != nil {
			return
		}
		s.tally.count(s.request(ctx, s.config.Targets[i%len(s.config.Targets)]))
		next = next.Add(pause)
		if now := time.Now(); now.Sub(next) > behind {
			next = now
		}
	}
}

// request asks once. One that is under way when the load ends is finished, or it would look failed at the other end.
func (s *Source) request(ctx context.Context, target string) (cluster, failed string) {
	request, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, target, nil)
	if err != nil {
		return "", err.Error()
	}
	response, err := s.client.Do(request)
	if err != nil {
		return "", err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	cluster = response.Header.Get("X-Cluster")
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return cluster, fmt.Sprintf("GET %s: the answer broke off: %v", target, err)
	}
	if response.StatusCode >= http.StatusInternalServerError {
		return cluster, fmt.Sprintf("GET %s: %s", target, response.Status)
	}
	return cluster, ""
}
