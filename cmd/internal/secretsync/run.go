package secretsync

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"

	"cutover/reconciler/remote/vault"
)

// Run keeps the cluster's Secrets as Vault has them until ctx ends, and then returns nil. An error says that it could
// not begin; what fails later is logged, counted and tried again.
func Run(ctx context.Context, c Config) error {
	if err := c.check(); err != nil {
		return err
	}
	v, err := vault.New(c.Vault)
	if err != nil {
		return err
	}
	defer v.Close()
	k, err := newCluster(c.REST, c.Instance, c.Root)
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r := newReport(registry, time.Now())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, groupCtx := errgroup.WithContext(ctx)
	if c.Listen != "" {
		if err := serve(groupCtx, group, c, handler(r, registry, c.Interval)); err != nil {
			return err
		}
	}
	touched := newTouched()
	if _, err := k.informer.AddEventHandler(touched.handler()); err != nil {
		return fmt.Errorf("watch our Secrets: %w", err)
	}
	group.Go(func() error {
		k.informer.RunWithContext(groupCtx)
		return nil
	})
	s := newSyncer(c, v, k, r)
	group.Go(func() error {
		defer cancel() // of what serves, when one pass was asked for
		return s.loop(groupCtx, touched)
	})
	return group.Wait()
}

// loop makes a pass at once and then at each interval, and repairs between them.
func (s *syncer) loop(ctx context.Context, touched *touched) error {
	if err := s.synced(ctx); err != nil {
		return err
	}
	ticker := time.NewTicker(s.config.Interval)
	defer ticker.Stop()
	again := make(chan struct{}, 1)
	again <- struct{}{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-touched.signal:
			for _, n := range touched.take() {
				s.repair(ctx, n)
			}
			continue
		case <-ticker.C:
		case <-again:
		}
		s.report.alive(time.Now())
		err := s.pass(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if s.config.Once {
			return err
		}
		if err != nil {
			s.log.ErrorContext(ctx, "the pass failed; Secrets that Vault was not read for stay as they are", "error", err)
		}
	}
}

// synced waits until our Secrets are known. Without them nothing can be decided.
func (s *syncer) synced(ctx context.Context) error {
	told := time.NewTicker(30 * time.Second)
	defer told.Stop()
	known := make(chan bool, 1)
	go func() { known <- cache.WaitForCacheSync(ctx.Done(), s.cluster.informer.HasSynced) }()
	for {
		select {
		case ok := <-known:
			if !ok && s.config.Once {
				return errors.New("stopped before the cluster's Secrets were listed")
			}
			return nil
		case <-told.C:
			s.report.alive(time.Now())
			s.log.WarnContext(ctx, "the cluster's Secrets cannot be listed yet")
		}
	}
}

// touched collects the names of those of our Secrets that changed, until they are taken.
type touched struct {
	signal chan struct{}

	mu    sync.Mutex
	names map[name]bool
}

func newTouched() *touched { return &touched{signal: make(chan struct{}, 1), names: map[name]bool{}} }

func (t *touched) add(obj any) {
	if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = gone.Obj
	}
	s, ok := obj.(*corev1.Secret)
	if !ok {
		return
	}
	t.mu.Lock()
	t.names[nameOf(s)] = true
	t.mu.Unlock()
	select {
	case t.signal <- struct{}{}:
	default: // it is set
	}
}

func (t *touched) take() []name {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []name
	for n := range t.names {
		out = append(out, n)
	}
	clear(t.names)
	return out
}

func (t *touched) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    t.add,
		UpdateFunc: func(_, obj any) { t.add(obj) },
		DeleteFunc: t.add,
	}
}

// shutdownTimeout bounds how long a stopping server waits for requests.
const shutdownTimeout = 5 * time.Second

// serve listens, and serves in the group until ctx ends.
func serve(ctx context.Context, group *errgroup.Group, c Config, h http.Handler) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen for health and metrics: %w", err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve health and metrics: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		_ = server.Shutdown(stopping) // what still runs is cut off
		return nil
	})
	if c.Listening != nil {
		c.Listening(listener.Addr())
	}
	c.Log.InfoContext(ctx, "listening", "address", listener.Addr().String())
	return nil
}
