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
	"cutover/reconciler/evidence"
	"cutover/reconciler/invariant"
	"cutover/reconciler/manifest"
	"cutover/reconciler/phase"
)

// Config is everything that a Reconciler needs. Fields are required unless they say otherwise.
type Config struct {
	Source       Source
	History      History
	Commits      Committer
	Applications Applications
	Pipelines    Pipelines
	Executions   Executions
	Clusters     map[estate.ClusterName]Cluster
	Merger       Merger
	Branches     Branches
	Prober       Prober
	Journal      Journal
	// Charts may be nil: then a branch that names a chart in a registry is a *BadInput.
	Charts Charts
	// Secrets, Roles, Alarms, Edge and Measurements may be nil: then a migration that needs them is a *BadInput.
	Secrets      Secrets
	Roles        Roles
	Alarms       Alarms
	Edge         Edge
	Measurements Measurements
	// Reviews and Conversations may be nil, both: then no pull request is opened, and no marker counts unless Pushed.
	Reviews       Reviews
	Conversations Conversations

	// Generator tells the generator whose pipelines these are and where values come from.
	Generator generator.Options
	// Email is the owner that new Spinnaker applications get.
	Email string
	// SpinnakerUI is the address of Spinnaker's pages, where people look at executions; "" if it is not known.
	SpinnakerUI string
	// Pushed lets a marker count that was pushed without a pull request.
	Pushed bool
	// Repair puts drift right; without it, drift is only reported.
	Repair bool
	// Drift says what counts as drift and how much may be pruned.
	Drift drift.Policy
	// Poll is how long to wait before asking Spinnaker again for an execution that has not ended; default 1s.
	Poll time.Duration
	// Width is how many calls of one kind are under way at once; default 8.
	Width int
	// Decide is the runbook; default phase.Next. A simulation gives another one to see that it would be caught.
	Decide func(*estate.Migration, estate.Marker, *evidence.Evidence, time.Time) phase.Decision
	// Check finds the invariants that are broken; default invariant.Check.
	Check func(*estate.Migration, estate.Marker, *evidence.Evidence, time.Time) []invariant.Breach

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
		missing(c.Merger == nil, "merger"),
		missing(c.Branches == nil, "branches"),
		missing(c.Prober == nil, "prober"),
		missing(c.Journal == nil, "journal"),
		missing((c.Reviews == nil) != (c.Conversations == nil), "conversations to its reviews, or no reviews to its conversations"),
		missing(c.Email == "", "email"),
		missing(c.Now == nil, "clock"),
		missing(c.Log == nil, "logger"),
		missing(c.Metrics == nil, "metrics registerer"),
	)
}

// renders is how many renders are remembered: those of both stacks of a large estate, before and after a change of all.
const renders = 4096

// Reconciler brings the world to what the migrations' branches say. One goroutine calls Run or Pass; the others
// may read Reports.
type Reconciler struct {
	Config
	reader   *values.Reader
	renderer *manifest.Renderer
	done     effectsDone
	known    map[string]*knowledge // by branch
	keeper   keeper
	heads    estate.Heads // as they were last fetched
	fetched  error        // why they could not be fetched anew; nil if they could
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
	if c.Width == 0 {
		c.Width = 8
	}
	if c.Decide == nil {
		c.Decide = phase.Next
	}
	if c.Check == nil {
		c.Check = invariant.Check
	}
	r := &Reconciler{
		Config:   c,
		reader:   new(values.Reader),
		renderer: manifest.NewRenderer(renders),
		known:    map[string]*knowledge{},
		keeper: keeper{
			of: map[string]*kept{}, windows: map[estate.MigrationName]phase.Window{},
			bakes: map[estate.MigrationName]evidence.Bake{}, unwritten: map[estate.MigrationName]evidence.Bake{},
		},
	}
	r.done.register(c.Metrics)
	c.Metrics.MustRegister(state{r.Reports})
	return r, nil
}
