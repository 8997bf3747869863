package world

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/object"
)

// Breach is a line that was crossed, as the world itself saw it.
type Breach struct {
	At        time.Time
	Invariant string // its name in the design
	Text      string
	Cause     string // the call or event that did it
}

func (b Breach) String() string {
	return fmt.Sprintf("%s %s: %s (by %s)", b.At.UTC().Format("15:04:05.000"), b.Invariant, b.Text, b.Cause)
}

// mostBreaches is how many breaches are kept: what follows from the first ones says little.
const mostBreaches = 50

// judge is what the world remembers to judge by.
type judge struct {
	clients   map[string]bool              // services that users reach, and that talk to a singleton
	exclusive map[string]string            // namespace of each exclusive service
	classes   map[string]estate.Class      // of every service of the product
	before    map[string]pipeline.Document // the old stack's pipelines as they were, by id
	foreign   map[string]int               // strangers' pipelines: how they were saved, by id
	rights    rights
	standing  map[string]bool           // breaches that still hold: each is told once
	triggered map[string]bool           // correlation ids
	opened    map[int]time.Time         // when people opened their pull requests
	glass     map[string]bool           // executions that break-glass let through
	jobs      map[object.Ref]object.Ref // the newest Job that was made of each CronJob
	markers   []mergedMarker            // oldest first
	ledger    ledger
	excuses   excuses
	sick      sickness
	journaled bool
	raises    bool // the effect at the edge that is under way raises a weight
}

func newJudge() judge {
	return judge{
		clients: map[string]bool{}, exclusive: map[string]string{}, classes: map[string]estate.Class{},
		before: map[string]pipeline.Document{}, foreign: map[string]int{}, rights: newRights(),
		standing: map[string]bool{}, triggered: map[string]bool{}, opened: map[int]time.Time{}, glass: map[string]bool{},
		ledger:  newLedger(),
		jobs:    map[object.Ref]object.Ref{},
		excuses: excuses{troubled: map[string]time.Time{}},
	}
}

// begin remembers how things were.
func (j *judge) begin(w *World) {
	for _, s := range w.estate.InStack(w.migration.Product, w.migration.From.Stack) {
		j.classes[s.Name.String()] = s.Class
		if s.Class == estate.Exclusive {
			j.exclusive[s.Name.String()] = s.Namespace.String()
		}
	}
	for _, link := range w.migration.Singletons {
		for _, client := range link.Clients {
			j.clients[client.String()] = true
		}
	}
	for id, d := range w.spinnaker.pipelines {
		if mark, ok := pipeline.OwnedBy(d.Document); ok && mark.Stack == w.migration.From.Stack.String() {
			j.before[id] = d.Document
		} else {
			j.foreign[id] = d.version
		}
	}
}

// breach notes that a line was crossed.
func (w *World) breach(invariant, format string, args ...any) {
	if w.settingUp || len(w.breaches) >= mostBreaches {
		return
	}
	b := Breach{w.now, invariant, fmt.Sprintf(format, args...), w.cause}
	w.breaches = append(w.breaches, b)
	w.trace("BREACH %s", b)
}

// Breaches are the lines that were crossed so far.
func (w *World) Breaches() []Breach {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.breaches)
}

// changed judges the world after a change.
func (w *World) changed() {
	if w.migration.Name.IsZero() || w.options.Empty {
		return
	}
	if given, ok := strings.CutPrefix(w.cause, "weight "); ok {
		weight, _ := strconv.Atoi(given)
		w.judge.ledger.follows(w, weight)
	}
	now := map[string]bool{}
	hold := func(invariant, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		now[invariant+text] = true
		if !w.judge.standing[invariant+text] {
			w.breach(invariant, "%s", text)
		}
	}
	w.judgeExclusive(hold)
	w.judgeTraffic(hold)
	w.judgeForeign(hold)
	w.judge.standing = now
}

// judgeExclusive: no exclusive service has a Pod in both clusters.
func (w *World) judgeExclusive(hold func(string, string, ...any)) {
	m := w.migration
	old, fresh := w.clusters[m.From.Cluster.String()], w.clusters[m.To.Cluster.String()]
	for name, namespace := range w.judge.exclusive {
		if hasPod(old, namespace, name) && hasPod(fresh, namespace, name) {
			hold("exclusive", "%s has Pods in both clusters", name)
		}
	}
}

func hasPod(c *cluster, namespace, service string) bool {
	for _, p := range c.pods {
		if p.namespace == namespace && p.labels["app"] == service {
			return true
		}
	}
	return false
}

// judgeTraffic: the requests of one moment are served by one singleton, find a Pod, and are split into parts of 100.
func (w *World) judgeTraffic(hold func(string, string, ...any)) {
	all := map[string]bool{}
	for _, r := range w.routes() {
		if r.share == 0 {
			continue
		}
		maps.Copy(all, r.targets)
		if r.ready == 0 && !w.crashing(r.cluster) {
			hold("traffic", "%s gets requests and has no ready Pod", r.cluster.name)
		}
	}
	if len(all) > 1 {
		hold("singleton", "requests are served by %s", strings.Join(slices.Sorted(maps.Keys(all)), " and "))
	}
	for _, name := range w.migration.Edge.Proxies {
		if x := w.fleet[name]; x.from.weight+x.to.weight != 100 {
			hold("traffic", "the weights of %s sum to %d", name, x.from.weight+x.to.weight)
		}
	}
}

// starts: a client that starts while sessions are left talks to the singleton that they began with, the old one.
func (j *judge) starts(w *World, c *cluster, p *pod, link estate.Link) {
	if c.name == w.migration.To.Cluster.String() && w.lasting() && p.address != link.Address.From {
		w.breach("singleton", "%s serves sessions that began with %s, and talks to %s", p.name, link.Address.From, p.address)
	}
}

// judgeForeign: what is a stranger's stays as it is.
func (w *World) judgeForeign(hold func(string, string, ...any)) {
	for id, version := range w.judge.foreign {
		if w.spinnaker.pipelines[id].version != version {
			hold("owned", "pipeline %s is not ours and was changed", id)
		}
	}
}

// writesTo: the program writes nothing to the old cluster before its services leave it.
func (j *judge) writesTo(w *World, c *cluster) {
	if c.name == w.migration.From.Cluster.String() && !w.options.Empty {
		w.breach("owned", "the old cluster was written to")
	}
}

// applies: only what Spinnaker deployed for the service, or what is in the set, is written over.
func (j *judge) applies(w *World, c *cluster, set object.Set, have object.Object) {
	if have.GetLabels()[object.LabelPartOf] != set.ID() && have.GetAnnotations()[applicationAnnotation] != set.Name {
		w.breach("owned", "%s in %s is not ours and was written over", object.RefOf(have), c.name)
	}
}

// prunes: not most of a set at once. A small set may lose one.
func (j *judge) prunes(w *World, c *cluster, set object.Set, refs []object.Ref) {
	all := 0
	for _, l := range c.objects {
		if l.partOf == set.ID() {
			all++
		}
	}
	if len(refs) > 1 && 2*len(refs) > all && !w.options.Empty {
		w.breach("empty", "%d of %d objects of %s were deleted", len(refs), all, set)
	}
}

// commits: only the migration's branch, and only generated files of it.
func (j *judge) commits(w *World, c estate.Change) {
	m := w.migration
	if w.options.Empty || m.Name.IsZero() {
		return
	}
	if c.Branch != m.Branch {
		w.breach("owned", "a commit to %s", c.Branch)
	}
	paths := slices.Clone(c.Remove)
	for _, f := range c.Write {
		paths = append(paths, f.Path)
	}
	for _, path := range paths {
		if path != m.StacksPath() && path != m.VersionsPath() && !strings.HasSuffix(path, "/"+m.To.Stack.String()+"-values.yaml") {
			w.breach("owned", "a commit to %s, which people write", path)
		}
	}
	if len(c.Remove) > 1 && len(c.Remove) > len(j.classes)/2 {
		w.breach("empty", "%d files were removed", len(c.Remove))
	}
}

// proposes: only branches of ours are moved by force, and only the marker is proposed.
func (j *judge) proposes(w *World, c estate.Change) {
	if !strings.HasPrefix(c.Branch, "advance/") && !w.options.Empty {
		w.breach("owned", "branch %s was moved by force", c.Branch)
	}
}

func (j *judge) deletesBranch(w *World, branch string) {
	if _, exists := w.git.branches[branch]; exists && !strings.HasPrefix(branch, "advance/") && !w.options.Empty {
		w.breach("owned", "branch %s was deleted", branch)
	}
}

func (j *judge) deletes(w *World, d pipeline.Document) {
	mark, owned := pipeline.OwnedBy(d)
	if !w.options.Empty && (!owned || mark.Stack != w.migration.To.Stack.String()) {
		w.breach("owned", "pipeline %s of application %s was deleted", d.Name(), d.Application())
	}
}

// triggers: no deployment twice, none of the old stack, none before its secrets and what it may need are there.
func (j *judge) triggers(w *World, d pipeline.Document, t pipeline.Trigger) {
	if w.options.Empty {
		return
	}
	if j.triggered[t.CorrelationID] {
		w.breach("once", "%s was executed twice", t.CorrelationID)
	}
	j.triggered[t.CorrelationID] = true
	mark, _ := pipeline.OwnedBy(d)
	if mark.Stack != w.migration.To.Stack.String() {
		w.breach("owned", "pipeline %s, which is not of the new stack, was started", d.Name())
	}
	j.secrets(w, false)
	j.order(w, mark.Service)
}

// secrets: every key of the original that is not quite new is in the copy, and, if same, with its value.
func (j *judge) secrets(w *World, same bool) {
	m := w.migration
	from, to := w.clusters[m.From.Cluster.String()].secrets, w.clusters[m.To.Cluster.String()].secrets
	for _, path := range w.vault.below(from) {
		original, copied := w.vault.secrets[from+"/"+path], w.vault.secrets[to+"/"+path].current()
		for key, value := range original.current() {
			have, ok := copied[key]
			switch {
			case j.unknown(original.changed[key], believesSecrets) || j.unknown(w.vault.secrets[to+"/"+path].changedAt(key), believesSecrets),
				j.address(w, path, key):
			case !ok:
				w.breach("secrets", "key %s of %s is not in the copy", key, path)
			case same && !sameValue(have, value):
				w.breach("secrets", "key %s of %s has another value in the copy", key, path)
			}
		}
	}
}

// address tells whether a key holds the address of a singleton.
func (j *judge) address(w *World, path, key string) bool {
	for _, link := range w.migration.Singletons {
		if key == link.Address.Key && strings.HasSuffix(path, "/"+link.Address.Secret) {
			return true
		}
	}
	return false
}

// copies: only from the original to the copy.
func (j *judge) copies(w *World, t evidence.SecretTree) {
	if w.options.Empty {
		return
	}
	m := w.migration
	if t.From != w.clusters[m.From.Cluster.String()].secrets || t.To != w.clusters[m.To.Cluster.String()].secrets {
		w.breach("secrets", "%s was copied over %s", t.From, t.To)
	}
}

// distrusts: policies only gain until cleanup.
func (j *judge) distrusts(w *World, name, principal string) {
	if !w.options.Empty {
		w.breach("trust", "role %s lost %s", name, principal)
	}
}

// silences: scoped as git says, and ending by themselves.
func (j *judge) silences(w *World, s evidence.Silence) {
	if w.options.Empty {
		return
	}
	want := slices.Sorted(slices.Values(w.migration.Alarms.Matchers))
	if !slices.Equal(s.Matchers, want) {
		w.breach("silence", "a silence of %v, and git names %v", s.Matchers, want)
	}
	if s.Ends.Sub(w.now) > w.migration.Alarms.AtMost {
		w.breach("silence", "a silence for %s, and at most %s are allowed", s.Ends.Sub(w.now), w.migration.Alarms.AtMost)
	}
}
