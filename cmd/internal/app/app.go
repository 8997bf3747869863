// Package app assembles the daemon: it is the only place where the core and the adapters meet.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/robfig/cron/v3"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/tools/clientcmd"

	"cutover/cmd/internal/show"
	"cutover/cmd/internal/web"
	"cutover/generator"
	"cutover/gitops/estate"
	"cutover/gitops/githost"
	"cutover/gitops/repo"
	"cutover/gitops/review"
	"cutover/reconciler"
	"cutover/reconciler/drift"
	"cutover/reconciler/journal"
	"cutover/reconciler/object"
	"cutover/reconciler/remote/gate"
	"cutover/reconciler/remote/kube"
	"cutover/reconciler/remote/probe"
)

// fieldManager is the name under which the program owns fields of objects.
const fieldManager = "cutover"

// App is the assembled program. Close it.
type App struct {
	config     Config
	log        *slog.Logger
	repository *repo.Repository
	clusters   []*kube.Cluster
	journal    closingJournal
	reconciler *reconciler.Reconciler
	metrics    *prometheus.Registry
	scratch    string // removed by Close
	// unreachable is why the values repository could not be fetched last, or nil.
	unreachable atomic.Pointer[error]
}

// New connects to nothing yet but the values repository, whose clone it opens or makes.
func New(ctx context.Context, c Config, log *slog.Logger) (*App, error) {
	j, err := journal.Open(ctx, JournalFile(c.State))
	if err != nil {
		return nil, err
	}
	return assemble(ctx, c, log, c.State, j)
}

// NewOnce is New for a command that looks once: it works beside a running daemon, on a clone of its own.
func NewOnce(ctx context.Context, c Config, log *slog.Logger) (*App, error) {
	dir, err := os.MkdirTemp("", "cutover-")
	if err != nil {
		return nil, err
	}
	var a *App
	j, err := openOnlooker(ctx, c.State)
	if err == nil {
		a, err = assemble(ctx, c, log, dir, j)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	a.scratch = dir
	return a, nil
}

// assemble makes the program out of its parts. It closes j, also if it fails.
func assemble(ctx context.Context, c Config, log *slog.Logger, state string, j closingJournal) (_ *App, err error) {
	a := &App{config: c, log: log, journal: j, metrics: prometheus.NewRegistry()}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if a.repository, err = openRepository(ctx, c.Repository, filepath.Join(state, "values")); err != nil {
		return nil, err
	}
	clusters := map[estate.ClusterName]reconciler.Cluster{}
	for name, at := range c.Clusters {
		cluster, err := openCluster(at, log.With("cluster", name))
		if err != nil {
			return nil, fmt.Errorf("cluster %s: %w", name, err)
		}
		a.clusters = append(a.clusters, cluster)
		clusters[estate.Must(estate.ParseClusterName(name))] = cluster // Config.validate has parsed it
	}
	spinnaker, err := gate.New(gate.Config{Endpoint: c.Spinnaker.Gate, SpinConfig: c.Spinnaker.SpinConfig, Log: log})
	if err != nil {
		return nil, err
	}
	charts, err := openRegistry(c.Registry, filepath.Join(state, "charts"))
	if err != nil {
		return nil, err
	}
	config := reconciler.Config{
		Source:       source{a.repository},
		History:      a.repository,
		Commits:      a.repository,
		Merger:       a.repository,
		Branches:     a.repository,
		Prober:       probe.New(),
		Journal:      a.journal,
		Applications: spinnaker,
		Pipelines:    spinnaker,
		Executions:   spinnaker,
		Clusters:     clusters,
		Charts:       charts,
		Generator:    generator.Options{Estate: repo.Name(c.Repository.URL), Repository: c.Repository.URL, Base: c.Repository.Base},
		Email:        c.Spinnaker.Email,
		SpinnakerUI:  c.Spinnaker.UI,
		Pushed:       c.Markers.AllowPush,
		Repair:       c.Drift.Repair,
		Drift:        drift.Policy{Manager: fieldManager, MaxPrune: *c.Drift.MaxPrune},
		Now:          time.Now,
		Log:          log,
		Metrics:      a.metrics,
	}
	if err := c.Systems.open(ctx, c.Repository.URL, log, &config); err != nil {
		return nil, err
	}
	a.reconciler, err = reconciler.New(config)
	return a, err
}

func openRepository(ctx context.Context, c Repository, dir string) (*repo.Repository, error) {
	var known []byte
	if c.KnownHosts != "" {
		var err error
		if known, err = os.ReadFile(c.KnownHosts); err != nil {
			return nil, fmt.Errorf("repository.knownHosts: %w", err)
		}
	}
	return repo.Open(ctx, repo.Config{
		URL: c.URL, Dir: dir,
		Auth:   repo.Auth{Username: c.Username, Token: string(c.Token.Reveal()), PrivateKey: c.SSHKey.Reveal(), KnownHosts: known},
		Author: repo.Identity(c.Author),
	})
}

func openCluster(c Cluster, log *slog.Logger) (*kube.Cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.Kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: c.Context}).ClientConfig()
	if err != nil {
		return nil, err
	}
	return kube.New(kube.Config{REST: config, Manager: fieldManager, Log: log})
}

// source gives the reconciler the heads alone.
type source struct{ *repo.Repository }

func (s source) Fetch(ctx context.Context) (estate.Heads, error) {
	u, err := s.Repository.Fetch(ctx)
	return u.Heads, err
}

// Close lets go of everything, in reverse order.
func (a *App) Close() error {
	var errs []error
	for _, c := range a.clusters {
		c.Close()
	}
	if a.journal != nil {
		errs = append(errs, a.journal.Close())
	}
	if a.repository != nil {
		errs = append(errs, a.repository.Close())
	}
	if a.scratch != "" {
		errs = append(errs, os.RemoveAll(a.scratch))
	}
	return errors.Join(errs...)
}

// Look is how every migration stands and what a pass would do first. It writes nothing.
func (a *App) Look(ctx context.Context) ([]reconciler.Report, error) {
	u, err := a.repository.Fetch(ctx)
	if err != nil {
		return nil, err
	}
	reports, err := a.reconciler.Plan(ctx, u.Heads)
	if forgotten := a.remembers(reports); forgotten != nil {
		return nil, forgotten
	}
	return reports, err
}

// LookBehind is Look, and what is to be brought over from the old side.
func (a *App) LookBehind(ctx context.Context) ([]reconciler.Report, error) {
	u, err := a.repository.Fetch(ctx)
	if err != nil {
		return nil, err
	}
	return a.reconciler.PlanResync(ctx, u.Heads)
}

// Reach says which of the systems that every migration needs do not answer.
func (a *App) Reach(ctx context.Context) error { return a.reconciler.Reach(ctx) }

// Propose opens the pull request for a move of a migration.
func (a *App) Propose(ctx context.Context, migration string, move reconciler.Move) (review.PullRequest, error) {
	u, err := a.repository.Fetch(ctx)
	if err != nil {
		return review.PullRequest{}, err
	}
	if move.Advance && a.forgetful() { // to go back, pause and resume is possible from anywhere
		reports, _ := a.reconciler.Plan(ctx, u.Heads) // what keeps it from advancing is told below
		if err := a.remembers(slices.DeleteFunc(reports, func(r reconciler.Report) bool { return r.Migration.String() != migration })); err != nil {
			return review.PullRequest{}, err
		}
	}
	return a.reconciler.Propose(ctx, u.Heads, migration, move)
}

// Run works until ctx ends: it watches the values repository and the clusters, and passes.
func (a *App) Run(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.config.Listen)
	if err != nil {
		return err
	}
	reviews := make(chan struct{}, 1)
	webhook, wake, err := a.webhook(reviews)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	a.log.InfoContext(ctx, "listening", "address", listener.Addr().String())
	group, ctx := errgroup.WithContext(ctx)
	git, objects, schedule := make(chan struct{}), make(chan object.Set), make(chan struct{}, 1)
	group.Go(func() error { return web.Serve(ctx, listener, a.handler(webhook)) })
	group.Go(func() error {
		a.watchGit(ctx, a.repository.Watch(ctx, time.Duration(a.config.Repository.Poll), wake), git)
		return nil
	})
	for _, c := range a.clusters {
		group.Go(func() error { forward(ctx, c.Changes(), objects); return nil })
	}
	group.Go(func() error { return a.schedule(ctx, schedule) })
	group.Go(func() error { a.keepTraffic(ctx); return nil })
	group.Go(func() error {
		return a.reconciler.Run(ctx, reconciler.Wakes{Git: git, Objects: objects, Reviews: reviews, Schedule: schedule})
	})
	return group.Wait()
}

func (a *App) handler(webhook http.Handler) http.Handler {
	return web.Handler(web.Config{
		Reports: a.reconciler.Reports,
		Text: func(w io.Writer, reports []reconciler.Report) {
			show.All(w, reports, func(w io.Writer, r reconciler.Report) {
				show.Status(w, r)
				fmt.Fprintf(w, "\n  as it was %s\n", r.Pass.Started.Add(time.Duration(r.Pass.Seconds*float64(time.Second))).UTC().Format(show.TimeFormat))
			})
		},
		Ready: func() error {
			if err := a.unreachable.Load(); err != nil {
				return *err
			}
			if !a.reconciler.Looked() {
				return errors.New("no pass has ended without an error yet")
			}
			return nil
		},
		Metrics: a.metrics,
		Webhook: webhook,
		Log:     a.log,
	})
}

// webhook returns the receiver of webhooks, nil if none is configured, and the channel that pushes wake; what is said in
// reviews wakes the other one.
func (a *App) webhook(reviews chan<- struct{}) (http.Handler, <-chan struct{}, error) {
	wake := make(chan struct{}, 1)
	if a.config.Webhook == nil {
		return nil, wake, nil
	}
	receiver, err := githost.NewReceiver(githost.Config{Kind: a.config.Webhook.Kind, Secret: a.config.Webhook.Secret.Reveal()})
	if err != nil {
		return nil, nil, err
	}
	return receiver.Handler(func(e githost.Event) {
		if e.Kind == githost.Review {
			signal(reviews)
			return
		}
		signal(wake)
	}), wake, nil
}

// glance is how often the edge proxies are looked at, whatever else is going on.
const glance = time.Second

// keepTraffic keeps up the weights of the edge until ctx ends, beside the passes: one that waits for a slow system must not
// keep traffic from going back.
func (a *App) keepTraffic(ctx context.Context) {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := a.reconciler.KeepTraffic(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			said = ""
		case err.Error() != said: // once is enough while nothing changes
			said = err.Error()
			a.log.ErrorContext(ctx, "the edge is not kept up", "error", err)
		}
	}
}

// signal wakes the reader of c; one wake that waits is enough.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// watchGit tells when branches moved, or may have: nothing may go forward on a marker while nobody knows whether there is a
// newer one. The reconciler fetches them itself.
func (a *App) watchGit(ctx context.Context, updates iter.Seq2[repo.Update, error], git chan<- struct{}) {
	for update, err := range updates {
		if err != nil {
			a.unreachable.Store(&err)
			a.log.ErrorContext(ctx, "values repository not fetched", "error", err)
		} else {
			a.unreachable.Store(nil)
		}
		if update.Recovered != "" {
			a.log.WarnContext(ctx, "clone of the values repository made anew", "reason", update.Recovered)
		}
		for _, move := range update.Moved {
			a.log.InfoContext(ctx, "branch moved", "branch", move.Branch, "from", move.From, "to", move.To, "kind", move.Kind.String())
		}
		select {
		case git <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
}

func forward[T any](ctx context.Context, from <-chan T, to chan<- T) {
	for {
		select {
		case <-ctx.Done():
			return
		case v := <-from:
			select {
			case to <- v:
			case <-ctx.Done():
				return
			}
		}
	}
}

// schedule asks for a full pass at the times of the configuration.
func (a *App) schedule(ctx context.Context, full chan<- struct{}) error {
	c := cron.New()
	if _, err := c.AddFunc(a.config.Drift.Schedule, func() { signal(full) }); err != nil {
		return err
	}
	c.Start()
	<-ctx.Done()
	<-c.Stop().Done()
	return nil
}
