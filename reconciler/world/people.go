package world

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

// Push lets a person commit to a branch without a pull request. A branch that is not there is made from main.
func (w *World) Push(by, branch string, write []estate.File, remove []string, message string) (hash string, err error) {
	err = w.act(fmt.Sprintf("%s pushes to %s: %s", by, branch, message), func() error {
		hash = w.push(by, branch, write, remove, message)
		return nil
	})
	return hash, err
}

func (w *World) push(by, branch string, write []estate.File, remove []string, message string) string {
	head, ok := w.git.branches[branch]
	if !ok {
		head = w.git.branches[Main]
	}
	c := w.git.commit([]string{head}, w.git.commits[head].tree.with(write, remove), message, by, w.now)
	w.moved(branch, c.Hash)
	return c.Hash
}

// Head is the commit that a branch points at; "" if there is no such branch.
func (w *World) Head(branch string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.git.branches[branch]
}

// File is a file at the head of a branch, or nil.
func (w *World) File(branch, path string) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.git.commits[w.git.branches[branch]]; c != nil {
		return c.tree.files[path].data
	}
	return nil
}

// Requests are all pull requests, by number.
func (w *World) Requests() []review.PullRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []review.PullRequest
	for _, r := range w.host.requests {
		out = append(out, r.PullRequest)
	}
	return out
}

// Open lets a person open a pull request.
func (w *World) Open(by, head, base, title string) (number int, err error) {
	err = w.act(fmt.Sprintf("%s opens %s into %s", by, head, base), func() error {
		r, err := w.open(review.Draft{Head: head, Base: base, Title: title}, by)
		if err != nil {
			return err
		}
		number = r.Number
		w.judge.opened[number] = w.now
		return nil
	})
	return number, err
}

// Method is how a pull request is merged.
type Method string

// The methods of the git hosts.
const (
	MergeCommit Method = "merge"
	Squash      Method = "squash"
	Rebase      Method = "rebase"
)

// Merge lets a person merge a pull request. One whose head has a failing status of ours is not merged: the branch is
// protected.
func (w *World) Merge(by string, number int, method Method) error {
	return w.act(fmt.Sprintf("%s merges #%d by %s", by, number, method), func() error {
		r, err := w.host.find(number)
		if err != nil {
			return err
		}
		if r.State != review.Open {
			return fmt.Errorf("%w: it is %s", failure.ErrRefused, r.State)
		}
		for _, s := range w.host.statuses[r.Commit] {
			if s.State == review.Failure {
				return fmt.Errorf("%w: %s: %s", failure.ErrRefused, s.Context, s.Text)
			}
		}
		return w.merge(by, r, method)
	})
}

func (w *World) merge(by string, r *request, method Method) error {
	base, err := w.git.head(r.Base)
	if err != nil {
		return err
	}
	head, err := w.git.find(r.Commit)
	if err != nil {
		return err
	}
	merged, err := w.git.merged(base, head)
	if err != nil {
		return err
	}
	w.judge.merges(w, r)
	if r.paths, err = w.paths(r); err != nil {
		return err
	}
	brought := w.git.lacking(base, head)
	slices.Reverse(brought) // oldest first
	var made *commit
	switch method {
	case Squash:
		// As a host makes it that keeps the title only, and no trailer of the commits.
		made = w.git.commit([]string{base.Hash}, merged, fmt.Sprintf("%s (#%d)\n", r.Title, r.Number), by, w.now)
	case Rebase:
		made = base
		for _, c := range brought {
			if len(c.Parents) > 1 {
				continue
			}
			parent := w.git.parent(c)
			var write []estate.File
			var remove []string
			for _, path := range differences(parent.tree, c.tree) {
				if f, ok := c.tree.files[path]; ok {
					write = append(write, estate.File{Path: path, Data: f.data})
				} else {
					remove = append(remove, path)
				}
			}
			made = w.git.commit([]string{made.Hash}, made.tree.with(write, remove), c.Message, c.Author, w.now)
			r.arrived[made.Hash] = true
		}
	default:
		made = w.git.commit([]string{base.Hash, head.Hash}, merged, fmt.Sprintf("Merge pull request #%d from %s\n", r.Number, r.Head), by, w.now)
		for _, c := range brought {
			r.arrived[c.Hash] = true
		}
	}
	r.arrived[made.Hash] = true
	r.State, r.Merged = review.Merged, w.now
	r.arrival = review.Arrival{Number: r.Number, URL: r.URL, Commit: r.Commit, MergedBy: by}
	for person, commit := range r.approved {
		if commit == r.Commit && person != r.Author && person != head.Author {
			r.arrival.Approvers = append(r.arrival.Approvers, person)
		}
	}
	slices.Sort(r.arrival.Approvers)
	for _, c := range brought {
		r.arrival.Messages = append(r.arrival.Messages, c.Message)
	}
	w.moved(r.Base, made.Hash)
	return nil
}

// Say lets a person write a comment under a pull request.
func (w *World) Say(by string, number int, text string) error {
	return w.act(fmt.Sprintf("%s says %q under #%d", by, text, number), func() error {
		r, err := w.host.find(number)
		if err == nil {
			w.host.say(r, comment{Comment: review.Comment{Author: by, Text: text, At: w.now, Ours: by == Bot}})
		}
		return err
	})
}

// Unsay lets a person delete anybody's comment under a pull request.
func (w *World) Unsay(by string, number int, id int64) error {
	return w.act(fmt.Sprintf("%s deletes comment %d of #%d", by, id, number), func() error {
		r, err := w.host.find(number)
		if err != nil {
			return err
		}
		r.comments = slices.DeleteFunc(r.comments, func(c comment) bool { return c.ID == id })
		return nil
	})
}

// Approve lets a person approve a pull request as it is now.
func (w *World) Approve(by string, number int, text string) error {
	return w.act(fmt.Sprintf("%s approves #%d", by, number), func() error {
		r, err := w.host.find(number)
		if err == nil {
			r.approved[by] = r.Commit
			w.host.say(r, comment{Comment: review.Comment{Author: by, Text: text, At: w.now, Ours: by == Bot}, approved: r.Commit})
		}
		return err
	})
}

// CloseRequest lets a person close a pull request.
func (w *World) CloseRequest(by string, number int) error {
	return w.act(fmt.Sprintf("%s closes #%d", by, number), func() error {
		r, err := w.host.find(number)
		if err == nil && r.State == review.Open {
			r.State = review.Closed
		}
		return err
	})
}

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
		w.judge.trouble(w, thingPipelines(service))
		for _, d := range w.spinnaker.list(service) {
			if mark, ok := pipeline.OwnedBy(d.Document); ok && mark.Stack == w.migration.From.Stack.String() {
				edited := maps.Clone(d.Document)
				edited["disabled"] = false
				if err := w.spinnaker.save(edited, w.now); err != nil {
					return err
				}
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

// Sicken lets a cluster answer a share of its requests, 0 to 1, with errors although its Pods are ready.
func (w *World) Sicken(cluster estate.ClusterName, share float64) {
	_ = w.act(fmt.Sprintf("%s answers %.0f%% with errors", cluster, 100*share), func() error {
		w.clusters[cluster.String()].errors = share
		return nil
	})
}

// SickenFor lets a cluster answer a share of its requests with errors for a while.
func (w *World) SickenFor(cluster estate.ClusterName, share float64, d time.Duration) {
	w.Sicken(cluster, share)
	w.later(d, cluster.String()+" is well again", func() { w.clusters[cluster.String()].errors = 0 })
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
				s.state = "MAINT"
			}
		}
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

// Weights are the proxies' weights of the new cluster, in percent, by name; those that are down are left out.
func (w *World) Weights() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]int{}
	for name, x := range w.fleet {
		if x.down == "" {
			out[name] = x.to.weight
		}
	}
	return out
}

// EndSilences lets somebody end every silence of ours.
func (w *World) EndSilences(by string) {
	_ = w.act(by+" ends our silences", func() error {
		for _, s := range w.alarms.silences {
			if s.ours && s.Ends.After(w.now) {
				s.Ends = w.now
			}
		}
		return nil
	})
}

// SetMetric gives a query its answer: the values of its series.
func (w *World) SetMetric(query string, values ...float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.metrics[query] = values
}

// AddSilence puts a silence of somebody else into Alertmanager.
func (w *World) AddSilence(s evidence.Silence) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alarms.silences[s.ID] = &silence{Silence: s}
}

// BreakGlass lets one service be deployed during the freeze: it writes the file that the program reads.
func BreakGlass(m estate.Migration, service, by, reason string, until time.Time) estate.File {
	var b strings.Builder
	fmt.Fprintf(&b, "- service: %s\n  by: %s\n  reason: %s\n  until: %s\n", service, by, reason, until.UTC().Format(time.RFC3339))
	return estate.File{Path: m.BreakGlassPath(), Data: []byte(b.String())}
}

// WriteSecret writes a secret by its whole path; nil deletes it.
func (w *World) WriteSecret(path string, values map[string]any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.vault.put(path, values, w.now)
}

// Secret is what a secret holds, by its whole path; nil if there is none.
func (w *World) Secret(path string) map[string]any {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.vault.secrets[path].current())
}

// OlderSecrets are the versions of a secret before the newest, oldest first.
func (w *World) OlderSecrets(path string) []map[string]any {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.vault.secrets[path]
	if s == nil {
		return nil
	}
	return slices.Clone(s.versions[:len(s.versions)-1])
}

// Parent is a commit's first parent; "" if it has none.
func (w *World) Parent(commit string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.git.commits[commit]
	if c == nil || len(c.Parents) == 0 {
		return ""
	}
	return c.Parents[0]
}

// Branch lets a branch point at a commit.
func (w *World) Branch(name, commit string) {
	_ = w.act(fmt.Sprintf("branch %s at %.10s", name, commit), func() error { w.moved(name, commit); return nil })
}

// Touched are the sets of a cluster whose objects changed since a mark that an earlier call gave, and the mark of now:
// what watches would tell.
func (w *World) Touched(cluster estate.ClusterName, since int) ([]object.Set, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.clusters[cluster.String()]
	seen := map[object.Set]bool{}
	for _, t := range c.touched[min(since, len(c.touched)):] {
		seen[t] = true
	}
	sets := slices.Collect(maps.Keys(seen))
	slices.SortFunc(sets, func(a, b object.Set) int { return strings.Compare(a.String(), b.String()) })
	return sets, len(c.touched)
}

// Heads are the branches of the repository.
func (w *World) Heads() estate.Heads {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.git.branches)
}
