package reconciler

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cutover/generator"
	"cutover/gitops/estate"
	"cutover/gitops/values"
	"cutover/reconciler/drift"
	"cutover/reconciler/manifest"
)

// Config is everything that a Reconciler needs. All fields but Charts, Pushed, Repair and Poll are required.
type Config struct {
	Source       Source
	History      History
	Commits      Committer
	Applications Applications
	Pipelines    Pipelines
	Executions   Executions
	Clusters     map[estate.ClusterName]Cluster
	// Charts may be nil: then a branch that names a chart in a registry is a *BadInput.
	Charts Charts

	// Generator tells the generator whose pipelines these are and where values come from.
	Generator generator.Options
	// Email is the owner that new Spinnaker applications get.
	Email string
	// Pushed lets a marker count that was pushed without a pull request.
	Pushed bool
	// Repair puts drift right; without it, drift is only reported.
	Repair bool
	// Drift says what counts as drift and how much may be pruned.
	Drift drift.Policy
	// Poll is how long to wait before asking Spinnaker again for an execution that has not ended; default 1s.
	Poll time.Duration

	Now     func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

func (c *Config) validate() error {
	missing := func(is bool, what string) error {
		if is {
			return errors.New("reconciler: no " + what)
		}
		return nil
	}
	return errors.Join(
		missing(c.Source == nil, "source"),
		missing(c.History == nil, "history"),
		missing(c.Commits == nil, "committer"),
		missing(c.Applications == nil, "applications"),
		missing(c.Pipelines == nil, "pipelines"),
		missing(c.Executions == nil, "executions"),
		missing(len(c.Clusters) == 0, "clusters"),
		missing(c.Email == "", "email"),
		missing(c.Now == nil, "clock"),
		missing(c.Log == nil, "logger"),
		missing(c.Metrics == nil, "metrics registerer"),
	)
}

// renders is how many renders are remembered: those of a large estate, before and after a change of all.
const renders = 2048

// Reconciler brings the world to what the migrations' branches say. One goroutine calls Run or Pass; the others
// may read Reports.
type Reconciler struct {
	Config
	reader   *values.Reader
	renderer *manifest.Renderer
	done     effectsDone
	known    map[string]*knowledge // by branch
	reports  reports
	looked   atomic.Bool // a pass has ended without an error
}

// New returns a Reconciler, or an error that names what c lacks.
func New(c Config) (*Reconciler, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	if c.Poll == 0 {
		c.Poll = time.Second
	}
	r := &Reconciler{
		Config:   c,
		reader:   new(values.Reader),
		renderer: manifest.NewRenderer(renders),
		known:    map[string]*knowledge{},
	}
	r.done.register(c.Metrics)
	c.Metrics.MustRegister(state{r.Reports})
	return r, nil
}
