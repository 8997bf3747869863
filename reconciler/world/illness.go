package world

import (
	"fmt"
	"time"

	"cutover/gitops/estate"
)

// Illness is what is wrong with how a cluster answers users although its Pods are ready. The zero value is a good day.
type Illness struct {
	Errors  float64       // share of the requests that are answered with an error, 0 to 1
	Silent  float64       // share of those that are never answered
	Latency time.Duration // of an answer, beyond what it takes on a good day
	Down    bool          // its ingress does not pass the proxies' checks: they give it nothing
}

// goodLatency is how long an answer takes on a good day.
const goodLatency = 20 * time.Millisecond

// failing is the share of the requests that fail.
func (i Illness) failing() float64 { return min(1, i.Errors+i.Silent) }

func (i Illness) String() string {
	return fmt.Sprintf("%.0f%% errors, %.0f%% without an answer, %s later, ingress down: %t", 100*i.Errors, 100*i.Silent, i.Latency, i.Down)
}

// Ail lets a cluster answer as it does when something is wrong.
func (w *World) Ail(cluster estate.ClusterName, i Illness) {
	_ = w.act(fmt.Sprintf("%s is ill: %s", cluster, i), func() error { w.ail(cluster, i); return nil })
}

// AilFor is Ail for a while.
func (w *World) AilFor(cluster estate.ClusterName, i Illness, d time.Duration) {
	w.Ail(cluster, i)
	w.later(d, cluster.String()+" is well again", func() { w.ail(cluster, Illness{}) })
}

func (w *World) ail(name estate.ClusterName, i Illness) {
	c := w.clusters[name.String()]
	turned := i.Down != c.illness.Down
	c.illness = i
	for _, x := range w.fleet {
		if s := x.server(w, name); turned && s.state != stateMaint {
			s.turn(w.now, i.Down)
		}
	}
}

// server is the proxy's server of a cluster.
func (x *proxy) server(w *World, name estate.ClusterName) *server {
	if name == w.migration.To.Cluster {
		return x.to
	}
	return x.from
}

// The proxies' words for the state of a server.
const (
	stateUp    = "UP"
	stateDown  = "DOWN"
	stateMaint = "MAINT"
)

// turn lets a proxy find out whether a server is up.
func (s *server) turn(now time.Time, isDown bool) {
	s.state, s.since = stateUp, now
	if isDown {
		s.state = stateDown
	}
}

// Guard lets a proxy's socket for a while only be read: it refuses every weight.
func (w *World) Guard(name string, d time.Duration) {
	_ = w.act(name+" refuses weights", func() error { w.fleet[name].guarded = w.now.Add(d); return nil })
}

// Mislay lets a proxy have another configuration for a while, without the servers that it should have.
func (w *World) Mislay(name string, d time.Duration) {
	_ = w.act(name+" has another configuration", func() error { w.fleet[name].mislaid = w.now.Add(d); return nil })
}
