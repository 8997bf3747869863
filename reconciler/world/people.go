package world

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

// Deploy lets a developer start the old stack's pipeline of a service.
func (w *World) Deploy(by, service, version string) error {
	return w.act(fmt.Sprintf("%s deploys %s %s", by, service, version), func() error {
		for _, d := range w.spinnaker.list(service) {
			if mark, ok := pipeline.OwnedBy(d.Document); !ok || mark.Stack != w.migration.From.Stack.String() {
				continue
			}
			x, err := w.run(d.Document, pipeline.Trigger{PipelineID: d.ID(), CorrelationID: w.id("person-"), Parameters: map[string]string{"version": version}}, by)
			if err == nil {
				w.judge.foreignRuns(w, x)
			}
			return err
		}
		return fmt.Errorf("%w: service %s has no pipeline", failure.ErrNotFound, service)
	})
}

// Tamper lets somebody enable a pipeline by hand.
func (w *World) Tamper(by, service string) error {
	return w.act(fmt.Sprintf("%s enables the pipelines of %s", by, service), func() error {
		for _, d := range w.spinnaker.list(service) {
			if mark, ok := pipeline.OwnedBy(d.Document); ok && mark.Stack == w.migration.From.Stack.String() {
				edited := maps.Clone(d.Document)
				edited["disabled"] = false
				if err := w.spinnaker.save(edited, w.now); err != nil {
					return err
				}
				w.judge.edits(w, edited)
			}
		}
		return nil
	})
}

// SetSecret lets somebody write a key of an original secret. The path is relative to the old cluster's root.
func (w *World) SetSecret(by, path, key, value string) error {
	return w.act(fmt.Sprintf("%s writes %s of secret %s", by, key, path), func() error {
		full := w.clusters[w.migration.From.Cluster.String()].secrets + "/" + path
		next := maps.Clone(w.vault.secrets[full].current())
		if next == nil {
			next = map[string]any{}
		}
		next[key] = value
		w.vault.put(full, next, w.now)
		return nil
	})
}

// SetCopy lets somebody write a key of a copied secret that is there. The path is relative to the new cluster's root.
func (w *World) SetCopy(by, path, key, value string) error {
	return w.act(fmt.Sprintf("%s writes %s of the copy of secret %s", by, key, path), func() error {
		full := w.clusters[w.migration.To.Cluster.String()].secrets + "/" + path
		next := maps.Clone(w.vault.secrets[full].current())
		if next == nil {
			return fmt.Errorf("%w: secret %s", failure.ErrNotFound, full)
		}
		next[key] = value
		w.vault.put(full, next, w.now)
		if w.judge.rights.edited[full] == nil {
			w.judge.rights.edited[full] = map[string]any{}
		}
		w.judge.rights.edited[full][key] = value
		return nil
	})
}

// DenySecrets takes away the policy that the copy needs, or, with "", gives it back.
func (w *World) DenySecrets(why string) {
	_ = w.act("the policy of the copy: "+why, func() error { w.vault.denied = why; return nil })
}

// Edit lets somebody change one field of an object by hand.
func (w *World) Edit(by string, cluster estate.ClusterName, ref object.Ref, value any, path ...string) error {
	return w.act(fmt.Sprintf("%s edits %s in %s", by, ref, cluster), func() error {
		c := w.clusters[cluster.String()]
		l, ok := c.objects[ref.Key()]
		if !ok {
			return fmt.Errorf("%w: %s", failure.ErrNotFound, ref)
		}
		w.judge.trouble(w, thingIn(c.name, ref.Name))
		config := map[string]any{"apiVersion": l.object.GetAPIVersion(), "kind": l.object.GetKind(), "metadata": map[string]any{"name": ref.Name, "namespace": ref.Namespace}}
		if err := unstructured.SetNestedField(config, value, path...); err != nil {
			return err
		}
		c.write(person, config)
		return nil
	})
}

// Remove lets somebody delete an object by hand.
func (w *World) Remove(by string, cluster estate.ClusterName, ref object.Ref) error {
	return w.act(fmt.Sprintf("%s deletes %s in %s", by, ref, cluster), func() error {
		w.judge.trouble(w, thingIn(cluster.String(), ref.Name))
		w.clusters[cluster.String()].remove(ref.Key())
		return nil
	})
}

// Kill lets one ready Pod of a service end.
func (w *World) Kill(cluster estate.ClusterName, namespace, service string) error {
	return w.act(fmt.Sprintf("a Pod of %s in %s is evicted", service, cluster), func() error {
		c := w.clusters[cluster.String()]
		for _, p := range c.podsOfService(namespace, service) {
			if p.ready {
				w.judge.trouble(w, thingIn(c.name, service))
				c.terminate(p)
				c.sync(p.owner)
				return nil
			}
		}
		return errors.New("it has no ready Pod")
	})
}

func (w *World) later(d time.Duration, name string, do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.after(d, name, do)
}

// Fail lets every Pod of a service crash, and each that comes, for a while.
func (w *World) Fail(cluster estate.ClusterName, namespace, service string, d time.Duration) {
	_ = w.act(fmt.Sprintf("the Pods of %s in %s crash for %s", service, cluster, d.Round(time.Second)), func() error {
		c := w.clusters[cluster.String()]
		c.failing[service] = w.now.Add(d)
		w.judge.trouble(w, thingIn(c.name, service))
		for _, p := range c.podsOfService(namespace, service) {
			if p.ready {
				p.ready = false
				w.after(d, "pod "+p.name+" starts again", func() { c.begin(p) })
				c.sync(p.owner)
			}
		}
		return nil
	})
}

// Systems are what can be away.
func (w *World) Systems() []string {
	out := []string{string(portGit), string(portHost), string(portSpinnaker), string(portVault), string(portIAM), string(portAlarms), string(portMetrics), string(portJournal)}
	m := w.migration
	for _, c := range []estate.ClusterName{m.From.Cluster, m.To.Cluster} {
		out = append(out, string(w.clusters[c.String()].port()))
	}
	return out
}

// Away lets a system answer nothing for a while.
func (w *World) Away(system string, d time.Duration) {
	_ = w.act(fmt.Sprintf("%s is away for %s", system, d.Round(time.Second)), func() error {
		w.outages[system] = w.now.Add(d)
		return nil
	})
}

// FillDisk lets nothing be written to the journal for a while.
func (w *World) FillDisk(d time.Duration) {
	_ = w.act(fmt.Sprintf("the journal's disk is full for %s", d.Round(time.Second)), func() error {
		w.journal.full = w.now.Add(d)
		return nil
	})
}

// FailExecutions lets executions fail, each with a probability before it deploys and again after.
func (w *World) FailExecutions(p float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures = p
}

// Reload begins a new process of a proxy, which has the weights of its configuration file.
func (w *World) Reload(name string) {
	_ = w.act(name+" is reloaded", func() error {
		w.reload(w.fleet[name])
		return nil
	})
}

// Down lets a proxy not answer for a while. It comes back with a new process.
func (w *World) Down(name string, d time.Duration) {
	_ = w.act(name+" is down", func() error {
		x := w.fleet[name]
		x.down = "connection refused"
		w.after(d, name+" is back", func() {
			x.down = ""
			w.reload(x)
		})
		return nil
	})
}

// StopProxy lets a proxy not answer until StartProxy.
func (w *World) StopProxy(name string) {
	_ = w.act(name+" stops", func() error { w.fleet[name].down = "connection refused"; return nil })
}

// StartProxy starts a proxy, with the weights of its configuration file.
func (w *World) StartProxy(name string) {
	_ = w.act(name+" starts", func() error {
		w.fleet[name].down = ""
		w.reload(w.fleet[name])
		return nil
	})
}

// TakeOut lets somebody take a server of a proxy out for maintenance.
func (w *World) TakeOut(proxy, name string) {
	_ = w.act(name+" is taken out of "+proxy, func() error {
		for _, s := range []*server{w.fleet[proxy].from, w.fleet[proxy].to} {
			if s.name == name {
				s.state, s.since = stateMaint, w.now
			}
		}
		return nil
	})
}

// AddServer lets somebody add a server to a proxy's backend, until a reload forgets it.
func (w *World) AddServer(proxy, name string) {
	_ = w.act(name+" is added to "+proxy, func() error {
		w.fleet[proxy].third = name + " (" + stateUp + ", weight 10)"
		return nil
	})
}

// Send lets users send so many requests through a proxy, each a session of its own.
func (w *World) Send(proxy string, n int) {
	_ = w.act(fmt.Sprintf("%d requests through %s", n, proxy), func() error {
		w.serve(w.fleet[proxy], float64(n))
		return nil
	})
}

// EndSilences lets somebody end every silence of ours.
func (w *World) EndSilences(by string) {
	_ = w.act(by+" ends our silences", func() error {
		w.judge.trouble(w, thingSilences)
		for _, s := range w.alarms.silences {
			if s.ours && s.Ends.After(w.now) {
				s.Ends = w.now
			}
		}
		return nil
	})
}
