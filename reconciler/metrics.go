package reconciler

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// effectsDone counts what was done since the start. Metrics are read from it, and so is what one pass did.
type effectsDone struct {
	renders, saved, deleted, deployments, written, pruned, failed atomic.Int64
}

func (n *effectsDone) register(to prometheus.Registerer) {
	for _, c := range []struct {
		name, help string
		from       *atomic.Int64
	}{
		{"renders_total", "Services rendered, not counting those that were known.", &n.renders},
		{"pipelines_saved_total", "Pipelines created or updated in Spinnaker.", &n.saved},
		{"pipelines_deleted_total", "Pipelines deleted in Spinnaker.", &n.deleted},
		{"deployments_total", "Pipelines triggered to deploy a service.", &n.deployments},
		{"objects_written_total", "Kubernetes objects applied.", &n.written},
		{"objects_pruned_total", "Kubernetes objects deleted because git no longer names them.", &n.pruned},
		{"passes_failed_total", "Passes that ended with an error and are repeated.", &n.failed},
	} {
		to.MustRegister(prometheus.NewCounterFunc(
			prometheus.CounterOpts{Namespace: "cutover", Name: c.name, Help: c.help},
			func() float64 { return float64(c.from.Load()) },
		))
	}
}

// state exposes the newest reports as gauges, so that somebody can be called when a migration stands still.
type state struct{ reports func() []Report }

var (
	passDesc     = prometheus.NewDesc("cutover_last_pass_timestamp_seconds", "When the last pass over a migration began.", []string{"branch"}, nil)
	errorDesc    = prometheus.NewDesc("cutover_last_pass_failed", "Whether the last pass over a migration ended with an error, 0 or 1.", []string{"branch"}, nil)
	decisionDesc = prometheus.NewDesc("cutover_decision", "The last decision about a migration, and the code of its reason; always 1.", []string{"branch", "kind", "code"}, nil)
	servicesDesc = prometheus.NewDesc("cutover_services", "Services of the new stack.", []string{"branch", "ready"}, nil)
	driftDesc    = prometheus.NewDesc("cutover_drifted_objects", "Objects of the new cluster that are not as git has them.", []string{"branch"}, nil)
)

// Describe implements prometheus.Collector.
func (s state) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(s, to) }

// Collect implements prometheus.Collector.
func (s state) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for _, r := range s.reports() {
		ready, failed := 0, 0.0
		for _, svc := range r.Services {
			if svc.Ready {
				ready++
			}
		}
		if r.Error != "" {
			failed = 1
		}
		n := r.Drift.Counts()
		gauge(passDesc, float64(r.Pass.Started.Unix()), r.Branch)
		gauge(errorDesc, failed, r.Branch)
		gauge(decisionDesc, 1, r.Branch, string(r.Decision.Kind), string(r.Decision.Reason.Code))
		gauge(servicesDesc, float64(ready), r.Branch, "true")
		gauge(servicesDesc, float64(len(r.Services)-ready), r.Branch, "false")
		gauge(driftDesc, float64(n.Missing+n.Changed+n.Extra+n.Refused), r.Branch)
	}
}

// Pass is one pass over a migration, and what it did.
type Pass struct {
	Number  int64     `json:"number"` // from 1 at every start of the daemon
	Full    bool      `json:"full"`   // everything was asked for anew
	Done    bool      `json:"done"`   // false while it is under way
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"` // how long it took
	Counts
}

// Counts is what was done.
type Counts struct {
	Renders          int64 `json:"renders"`
	PipelinesSaved   int64 `json:"pipelinesSaved"`
	PipelinesDeleted int64 `json:"pipelinesDeleted"`
	Deployments      int64 `json:"deployments"`
	ObjectsWritten   int64 `json:"objectsWritten"`
	ObjectsPruned    int64 `json:"objectsPruned"`
}

func (n *effectsDone) counts() Counts {
	return Counts{
		Renders:          n.renders.Load(),
		PipelinesSaved:   n.saved.Load(),
		PipelinesDeleted: n.deleted.Load(),
		Deployments:      n.deployments.Load(),
		ObjectsWritten:   n.written.Load(),
		ObjectsPruned:    n.pruned.Load(),
	}
}

func (c Counts) minus(before Counts) Counts {
	return Counts{
		Renders:          c.Renders - before.Renders,
		PipelinesSaved:   c.PipelinesSaved - before.PipelinesSaved,
		PipelinesDeleted: c.PipelinesDeleted - before.PipelinesDeleted,
		Deployments:      c.Deployments - before.Deployments,
		ObjectsWritten:   c.ObjectsWritten - before.ObjectsWritten,
		ObjectsPruned:    c.ObjectsPruned - before.ObjectsPruned,
	}
}
