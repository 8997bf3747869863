package world

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/reconciler/evidence"
	"cutover/reconciler/object"
)

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
