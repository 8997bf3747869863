package haproxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

const (
	defaultTimeout = 5 * time.Second
	// atOnce bounds how many proxies are asked at the same time.
	atOnce = 16
)

// Config says where the proxies are.
type Config struct {
	// Proxies maps the names that a migration uses to the addresses of the proxies' stats sockets, level admin:
	// HOST:PORT, or the path of a Unix socket.
	Proxies map[string]string
	// Timeout bounds one exchange with one proxy. The default is 5 s.
	Timeout time.Duration
}

// Fleet is the edge proxies as the reconciler needs them. It may be used by several goroutines.
type Fleet struct {
	proxies map[string]string
	timeout time.Duration
}

// New checks the configuration. It asks no proxy.
func New(c Config) (*Fleet, error) {
	if c.Timeout < 0 {
		return nil, errors.New("haproxy: the timeout must not be negative")
	}
	for name, address := range c.Proxies {
		if isPath(address) {
			continue
		}
		if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
			return nil, fmt.Errorf("haproxy: proxy %s: the address must be HOST:PORT or the path of a socket, not %q", name, address)
		}
	}
	return &Fleet{proxies: maps.Clone(c.Proxies), timeout: cmp.Or(c.Timeout, defaultTimeout)}, nil
}

// Proxies reads the two servers of a backend at every named proxy, in the order of the names. A proxy that does not
// answer, answers without these servers, or has no address, is in the list, with the reason: what is wrong with one must
// not hide the others. It fails with failure.ErrNotFound or failure.ErrRefused if that is what is wrong with all of them,
// because then it is the names that are wrong.
func (f *Fleet) Proxies(ctx context.Context, names []string, backend, from, to string) ([]evidence.Proxy, error) {
	proxies, err := f.look(ctx, names, backend, from, to)
	if err != nil {
		return nil, fmt.Errorf("read backend %s: %w", backend, err)
	}
	return proxies, nil
}

func (f *Fleet) look(ctx context.Context, names []string, backend, from, to string) ([]evidence.Proxy, error) {
	if err := check(backend, from, to); err != nil {
		return nil, err
	}
	proxies, failures := make([]evidence.Proxy, len(names)), make([]error, len(names))
	err := each(names, func(i int, name string) error {
		s, err := f.read(ctx, name, backend)
		if err == nil {
			proxies[i], err = s.proxy(name, from, to)
		}
		failures[i] = err
		return err
	})
	if err != nil && (ctx.Err() != nil || areAll(failures, failure.ErrNotFound) || areAll(failures, failure.ErrRefused)) {
		return nil, err
	}
	for i, failed := range failures {
		if failed != nil {
			reason := strings.TrimPrefix(failed.Error(), failure.ErrTransient.Error()+": ")
			proxies[i] = evidence.Proxy{Name: names[i], Unreachable: reason}
		}
	}
	return proxies, nil
}

// areAll tells whether every proxy failed in the same way.
func areAll(failures []error, kind error) bool {
	return !slices.ContainsFunc(failures, func(err error) bool { return !errors.Is(err, kind) })
}

// read asks one proxy. A process that ends is no answer: the one that took over has other weights.
func (f *Fleet) read(ctx context.Context, name, backend string) (stats, error) {
	address, ok := f.proxies[name]
	if !ok {
		return stats{}, fmt.Errorf("%w: the configuration has no address for it", failure.ErrNotFound)
	}
	answer, err := run(ctx, address, f.timeout, statCommands(backend)...)
	if err != nil {
		return stats{}, err
	}
	s, err := parseStats(answer)
	if err == nil && s.stopping {
		err = fmt.Errorf("%w: its process is ending", failure.ErrTransient)
	}
	return s, err
}

// word is what HAProxy allows as the name of a backend or a server.
var word = regexp.MustCompile(`^[A-Za-z0-9_.:-]+$`)

// check refuses what must not get into a command.
func check(words ...string) error {
	for _, w := range words {
		if !word.MatchString(w) {
			return fmt.Errorf("%w: %q cannot be the name of a backend or server", failure.ErrRefused, w)
		}
	}
	return nil
}

// each calls do for every name, several at once, and joins the errors in the order of the names, each with its proxy.
func each(names []string, do func(i int, name string) error) error {
	failures := make([]error, len(names))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, name := range names {
		group.Go(func() error {
			if err := do(i, name); err != nil {
				failures[i] = fmt.Errorf("proxy %s: %w", name, err)
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in failures
	return oneLine(failures)
}

// joined are errors told in one line.
type joined []error

func oneLine(failures []error) error {
	failures = slices.DeleteFunc(failures, func(err error) bool { return err == nil })
	if len(failures) == 0 {
		return nil
	}
	return joined(failures)
}

func (j joined) Error() string {
	var text string
	for i, err := range j {
		if i > 0 {
			text += "; "
		}
		text += err.Error()
	}
	return text
}

func (j joined) Unwrap() []error { return j }
