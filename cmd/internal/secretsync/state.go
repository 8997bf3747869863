package secretsync

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// State is how a Secret stands.
type State string

// The states of a Secret.
const (
	Synced      State = "synced"       // as Vault has it
	Conflict    State = "conflict"     // a Secret of the same name is not ours
	Invalid     State = "invalid"      // what Vault has can be no Secret
	Empty       State = "empty"        // Vault has it without a key
	NoNamespace State = "no_namespace" // the cluster lacks its namespace
	Failed      State = "failed"       // the API server did not take it
	Withheld    State = "withheld"     // it is to be deleted, and a rule forbids that
)

var states = []State{Synced, Conflict, Invalid, Empty, NoNamespace, Failed, Withheld}

// report is what the last passes found. Its methods may be called at the same time.
type report struct {
	mu       sync.Mutex
	begun    time.Time            // of the loop's last sign of life
	complete bool                 // Vault was read completely once
	problems map[string]problem   // by path, of the last complete reading; those that are synced have the state and no reason
	success  map[string]time.Time // by namespace, when all of it was as Vault has it

	passes *prometheus.CounterVec
	writes *prometheus.CounterVec
}

func newReport(registry prometheus.Registerer, now time.Time) *report {
	r := &report{
		begun: now, success: map[string]time.Time{},
		passes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secret_sync_passes_total", Help: "Readings of Vault, by whether they were complete and everything was made so.",
		}, []string{"result"}),
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secret_sync_writes_total", Help: "Secrets written to the cluster, or deleted in it.",
		}, []string{"verb"}),
	}
	for _, result := range []string{"ok", "failed"} {
		r.passes.WithLabelValues(result)
	}
	for _, verb := range []string{"write", "delete"} {
		r.writes.WithLabelValues(verb)
	}
	registry.MustRegister(r.passes, r.writes, r)
	return r
}

// alive notes a sign of life.
func (r *report) alive(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun = now
}

// note takes over what a pass found, and returns what is new in it, by path.
func (r *report) note(found map[string]problem, now time.Time) map[string]problem {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := map[string]problem{}
	broken := map[string]bool{}
	seen := map[string]bool{}
	for path, p := range found {
		if before, ok := r.problems[path]; p != before && (ok || p.state != Synced) {
			news[path] = p
		}
		n, ok := parseName(path)
		if !ok {
			continue
		}
		seen[n.namespace] = true
		broken[n.namespace] = broken[n.namespace] || p.state != Synced
	}
	for namespace := range seen {
		if !broken[namespace] {
			r.success[namespace] = now
		}
	}
	maps.DeleteFunc(r.success, func(namespace string, _ time.Time) bool { return !seen[namespace] })
	r.problems, r.complete = found, true
	return news
}

var (
	secretsDesc = prometheus.NewDesc("secret_sync_secrets", "Secrets by namespace and by how they stand; the namespace is empty for a path that names none.", []string{"namespace", "state"}, nil)
	successDesc = prometheus.NewDesc("secret_sync_last_success_timestamp_seconds", "When all Secrets of a namespace were last found or made to be as Vault has them.", []string{"namespace"}, nil)
)

// Describe implements prometheus.Collector.
func (r *report) Describe(to chan<- *prometheus.Desc) {
	to <- secretsDesc
	to <- successDesc
}

// Collect implements prometheus.Collector.
func (r *report) Collect(to chan<- prometheus.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := map[string]map[State]int{}
	for path, p := range r.problems {
		n, ok := parseName(path)
		if !ok {
			n.namespace = ""
		}
		if counts[n.namespace] == nil {
			counts[n.namespace] = map[State]int{}
		}
		counts[n.namespace][p.state]++
	}
	for _, namespace := range slices.Sorted(maps.Keys(counts)) {
		for _, state := range states {
			to <- prometheus.MustNewConstMetric(secretsDesc, prometheus.GaugeValue, float64(counts[namespace][state]), namespace, string(state))
		}
	}
	for namespace, at := range r.success {
		to <- prometheus.MustNewConstMetric(successDesc, prometheus.GaugeValue, float64(at.UnixMilli())/1000, namespace)
	}
}
