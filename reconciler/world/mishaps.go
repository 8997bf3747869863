package world

import (
	"fmt"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/object"
)

// LoseNodes lets some nodes of the new cluster not be ready for a while.
func (w *World) LoseNodes(n int, d time.Duration) {
	_ = w.act(fmt.Sprintf("%d nodes are lost", n), func() error {
		c := w.clusters[w.migration.To.Cluster.String()]
		c.survey.NodesReady = c.survey.Nodes - n
		w.judge.trouble(w, thingNodes)
		w.after(d, "the nodes are back", func() { c.survey.NodesReady = c.survey.Nodes })
		return nil
	})
}

// Reject lets a dry run in a cluster refuse an object for a while.
func (w *World) Reject(cluster estate.ClusterName, ref object.Ref, why string, d time.Duration) {
	_ = w.act(fmt.Sprintf("%s would not take %s", cluster, ref), func() error {
		c := w.clusters[cluster.String()]
		c.rejects[ref.String()] = why
		w.judge.trouble(w, thingRejects)
		w.after(d, fmt.Sprintf("%s would take %s", cluster, ref), func() { delete(c.rejects, ref.String()) })
		return nil
	})
}

// Stray lets a proxy send a part of the new cluster's sessions, 0 to 1, to the old one for a while, whatever the weight is.
// Then somebody puts it right and reloads it.
func (w *World) Stray(name string, part float64, d time.Duration) {
	_ = w.act(name+" sends sessions elsewhere", func() error {
		x := w.fleet[name]
		x.astray = part
		w.after(d, name+" is put right", func() {
			x.astray = 0
			w.reload(x)
		})
		return nil
	})
}

// ReloadAll begins a new process of every proxy at once.
func (w *World) ReloadAll() {
	_ = w.act("every proxy is reloaded", func() error {
		for _, name := range w.migration.Edge.Proxies {
			w.reload(w.fleet[name])
		}
		return nil
	})
}

// SetRequests says how many requests users send in a second from now on.
func (w *World) SetRequests(perSecond float64) {
	_ = w.act(fmt.Sprintf("users send %.0f requests in a second", perSecond), func() error {
		w.options.Requests = perSecond
		return nil
	})
}
