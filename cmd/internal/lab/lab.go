package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"cutover/reconciler/contract/labtest"
)

// tiers is the number of ranks of servers: etcd; what needs nothing or only etcd; what needs an API server.
const tiers = 3

// Lab is a running lab.
type Lab struct {
	binaries    map[string]binary
	assets      assets
	state       *state
	spawner     spawner
	report      func(server string, s State)
	description labtest.Lab
	gate        *gate
	edge        *edge

	mu        sync.Mutex
	processes [tiers][]*process // under mu

	died      chan *process // gets the first server that ends by itself
	closing   chan struct{} // closed when Close begins
	closeOnce func() error
}

// Start starts a lab and returns when every server is ready. It builds the servers that this machine does not have, which
// takes minutes the first time. An error leaves nothing running.
func Start(ctx context.Context, o Options) (*Lab, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	l, err := prepare(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	if err := l.start(ctx, o); err != nil {
		return nil, fmt.Errorf("lab: %w", errors.Join(err, l.Close()))
	}
	return l, nil
}

// prepare finds or builds the servers and makes the state directory.
func prepare(ctx context.Context, o Options) (_ *Lab, err error) {
	l := &Lab{
		spawner: newSpawner(),
		report:  reporter(o.Progress),
		died:    make(chan *process, 1),
		closing: make(chan struct{}),
	}
	l.closeOnce = sync.OnceValue(l.stop)
	defer func() {
		if err != nil {
			l.spawner.close()
		}
	}()
	work, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	modules, err := findModules(work)
	if err != nil {
		return nil, err
	}
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	l.binaries, err = binaries(ctx, builder{modules: modules, cache: cache, run: l.spawner.run, progress: l.report})
	if err != nil {
		return nil, err
	}
	if l.assets, err = loadAssets(ctx, modules, l.binaries["gitea"].found); err != nil {
		return nil, err
	}
	l.state, err = openState(ctx, o.Dir, filepath.Join(cache, "run"))
	return l, err
}

// start starts the servers, as many at once as their needs allow, and writes the description.
func (l *Lab) start(ctx context.Context, o Options) error {
	if err := os.Mkdir(l.logs(), 0o700); err != nil {
		return err
	}
	clusters := make([]*cluster, len(clusterSpecs))
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		l.description.Git, err = l.startGitea(groupCtx)
		return err
	})
	group.Go(func() (err error) {
		l.description.Vault, err = l.startVault(groupCtx)
		return err
	})
	group.Go(func() (err error) {
		l.description.AWS, err = l.startMoto(groupCtx)
		return err
	})
	group.Go(func() (err error) {
		if l.description.Alertmanager, err = l.startAlertmanager(groupCtx); err != nil {
			return err
		}
		l.description.Prometheus, err = l.startPrometheus(groupCtx, l.description.Alertmanager)
		return err
	})
	group.Go(func() (err error) {
		l.description.Edge, err = l.startEdge(groupCtx, o.Upstreams)
		return err
	})
	group.Go(func() error {
		etcd, err := l.startEtcd(groupCtx)
		if err != nil {
			return err
		}
		for i, spec := range clusterSpecs {
			group.Go(func() (err error) {
				clusters[i], err = l.startCluster(groupCtx, spec, etcd)
				return err
			})
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if page := l.description.Edge.Metrics; page != "" {
		if err := l.scrape(page); err != nil {
			return err
		}
	}
	l.description.Dir = l.state.dir
	l.description.Clusters = make(map[string]labtest.Cluster)
	clients := make(map[string]*rest.Config)
	for _, c := range clusters {
		l.description.Clusters[c.name] = labtest.Cluster{Kubeconfig: c.kubeconfig, Server: c.url}
		clients[c.name] = c.rest
	}
	var err error
	if l.description.Gate, err = l.startGate(ctx, clients, o.Accounts); err != nil {
		return err
	}
	return l.description.Write(l.File())
}

// Description says where the servers are and how to log in.
func (l *Lab) Description() labtest.Lab { return l.description }

// File is the path of the description as JSON, which package labtest reads.
func (l *Lab) File() string { return filepath.Join(l.state.dir, "lab.json") }

// Wait blocks until ctx ends or Close is called, and then returns nil, or until a server ends by itself, and then returns
// an error with the server's last words.
func (l *Lab) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-l.closing:
		return nil
	case p := <-l.died:
		return fmt.Errorf("lab: %w", p.ended())
	}
}

// Close stops the servers and removes what the lab wrote. It may be called more than once.
func (l *Lab) Close() error { return l.closeOnce() }

func (l *Lab) stop() error {
	close(l.closing)
	var gateErr, edgeErr error
	if l.gate != nil {
		gateErr = l.gate.close()
	}
	if l.edge != nil {
		edgeErr = l.edge.close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for tier := tiers - 1; tier >= 0; tier-- {
		var stopped sync.WaitGroup
		for _, p := range l.processes[tier] {
			stopped.Go(p.stop)
		}
		stopped.Wait()
	}
	l.spawner.close()
	return errors.Join(gateErr, edgeErr, l.state.close())
}

// watch makes p one of the lab's servers: Close stops it, and Wait tells when it ends by itself.
func (l *Lab) watch(tier int, p *process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.processes[tier] = append(l.processes[tier], p)
	go func() {
		<-p.done
		select {
		case <-l.closing:
		case l.died <- p:
		default: // one death is enough to know
		}
	}()
}

// command prepares one of the lab's programs. It works in the state directory, which tells whose process it is.
func (l *Lab) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	b := l.binaries[name]
	cmd := exec.CommandContext(ctx, b.path, slices.Concat(b.args, args)...)
	cmd.Dir = l.state.dir
	return cmd
}

func (l *Lab) logs() string { return filepath.Join(l.state.dir, "log") }

// reporter turns changes of state into events, one at a time.
func reporter(progress func(Event)) func(server string, s State) {
	var mu sync.Mutex
	since := make(map[string]time.Time)
	return func(server string, s State) {
		mu.Lock()
		defer mu.Unlock()
		event := Event{Server: server, State: s}
		if s == Built || s == Ready {
			event.Elapsed = time.Since(since[server])
		}
		since[server] = time.Now()
		progress(event)
	}
}
