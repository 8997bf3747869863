package haproxy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cutover/reconciler/failure"
)

// SetWeight gives server to the weight, in percent, and server from the rest of 100 at every named proxy. A weight is
// raised at all proxies or at none: unless all of them answer none is raised, and after an error those that may have been
// raised are put back, also when ctx has ended. Lowering is done wherever it can be, and never put back: the weight that
// is left may be one that fails. The error says which proxy failed how, and which were put back. It fails with
// failure.ErrTransient if a proxy does not answer, with failure.ErrNotFound for a name without an address, a backend or a
// server that is not there, and with failure.ErrRefused if HAProxy refuses.
func (f *Fleet) SetWeight(ctx context.Context, names []string, backend, from, to string, weight int) error {
	err := f.setWeight(ctx, names, backend, from, to, weight)
	if err != nil {
		return fmt.Errorf("set weight %d of server %s in backend %s: %w", weight, to, backend, err)
	}
	return nil
}

func (f *Fleet) setWeight(ctx context.Context, names []string, backend, from, to string, weight int) error {
	switch {
	case weight < 0 || weight > 100:
		return fmt.Errorf("%w: a weight is a percent, 0 to 100", failure.ErrRefused)
	case from == to:
		return fmt.Errorf("%w: the two servers are one", failure.ErrRefused)
	case len(names) == 0:
		return fmt.Errorf("%w: no proxy is named", failure.ErrRefused)
	}
	if err := check(backend, from, to); err != nil {
		return err
	}
	b := balance{fleet: f, backend: backend, from: from, to: to}
	want := weights{from: 100 - weight, to: weight}
	before := make([]weights, len(names))
	answers := make([]bool, len(names))
	silent := each(names, func(i int, name string) error {
		s, err := f.read(ctx, name, backend)
		if err == nil {
			before[i], err = s.weights(from, to)
		}
		answers[i] = err == nil
		return err
	})
	changed := make([]bool, len(names))
	failed := each(names, func(i int, name string) error {
		switch {
		case !answers[i]:
			return nil // it has been told
		case silent != nil && !before[i].above(want):
			return nil
		case before[i] == want:
			return b.verify(ctx, name, want)
		}
		changed[i] = true
		return b.set(ctx, name, want)
	})
	err := oneLine([]error{silent, failed})
	if err == nil {
		return nil
	}
	raised := make([]bool, len(names))
	for i := range names {
		raised[i] = changed[i] && !before[i].above(want)
	}
	if slices.Contains(changed, true) && !slices.Contains(raised, true) {
		return fmt.Errorf("%w; what could be lowered stays so", err)
	}
	return b.putBack(context.WithoutCancel(ctx), err, names, before, raised)
}

// balance is the two servers of a backend.
type balance struct {
	fleet             *Fleet
	backend, from, to string
}

// set sets both weights at one proxy and reads them back.
func (b balance) set(ctx context.Context, name string, w weights) error {
	answer, err := run(ctx, b.fleet.proxies[name], b.fleet.timeout,
		fmt.Sprintf("set server %s/%s weight %d", b.backend, b.from, w.from),
		fmt.Sprintf("set server %s/%s weight %d", b.backend, b.to, w.to))
	if err != nil {
		return err
	}
	if said := strings.TrimSpace(answer); said != "" {
		return complaint(said)
	}
	return b.verify(ctx, name, w)
}

// verify fails unless the proxy has the weights. It asks over a new connection, so after a reload the new process.
func (b balance) verify(ctx context.Context, name string, want weights) error {
	s, err := b.fleet.read(ctx, name, b.backend)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	got, err := s.weights(b.from, b.to)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if got != want {
		return fmt.Errorf("%w: its weights are %d and %d, not %d and %d; was it reloaded?", failure.ErrTransient, got.from, got.to, want.from, want.to)
	}
	return nil
}

// putBack gives the proxies that may have been raised the weights that they had, and adds to cause how that went.
func (b balance) putBack(ctx context.Context, cause error, names []string, before []weights, raised []bool) error {
	var changed, done []string
	for i, name := range names {
		if raised[i] {
			changed = append(changed, name)
		}
	}
	was := func(name string) weights { return before[slices.Index(names, name)] }
	ok := make([]bool, len(changed))
	err := each(changed, func(i int, name string) error {
		err := b.set(ctx, name, was(name))
		ok[i] = err == nil
		return err
	})
	for i, name := range changed {
		if ok[i] {
			done = append(done, name)
		}
	}
	text := "no proxy was raised"
	if len(done) > 0 {
		text = "put back: " + strings.Join(done, ", ")
	}
	if err != nil {
		return fmt.Errorf("%w; %s; not put back: %w", cause, text, err)
	}
	return fmt.Errorf("%w; %s", cause, text)
}
