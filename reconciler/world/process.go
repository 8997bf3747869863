package world

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/failure"
	"cutover/reconciler/record"
)

// ErrCrashed is what every call of a process gives that has died.
var ErrCrashed = errors.New("the process has crashed")

// Process is one incarnation of the program under test. When a new one starts, the calls of the one before fail.
type Process struct {
	w       *World
	dead    bool
	intents map[int64]record.Entry // entries of the journal that it began and has not ended
	read    map[string]int         // versions of the pipelines that it has read, by id
	opened  estate.Heads           // the clone's, as it found them
	beside  func()                 // what the program does once a second, whatever else it does; nil for nothing
	last    time.Time              // when it did so last
	// remembers says that it has read the journal.
	remembers bool
}

// Start begins a new process; the one before is dead.
func (w *World) Start() *Process {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process != nil {
		w.process.dead = true
	}
	w.counts.Processes++
	w.process = &Process{w: w, intents: map[int64]record.Entry{}, read: map[string]int{}, opened: maps.Clone(w.git.cloned)}
	clear(w.answers)
	w.judge.sick.lasted, w.judge.sick.got = 0, 0 // what the process before had counted has died with it
	w.trace("process %d starts", w.counts.Processes)
	return w.process
}

// Another is a further client of the same world, which kills nobody: another replica.
func (w *World) Another() *Process {
	return &Process{w: w, intents: map[int64]record.Entry{}, read: map[string]int{}, opened: maps.Clone(w.git.cloned)}
}

// Dead tells whether the process has crashed.
func (p *Process) Dead() bool {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	return p.dead
}

// Ports are the doubles that a process sees the world through.
type Ports struct {
	Repository   Repository // Source, History, Committer, Merger, Branches
	Spinnaker    Spinnaker  // Applications, Pipelines, Executions
	Clusters     map[estate.ClusterName]Kubernetes
	Host         Host // Reviews, Conversations
	Vault        Vault
	IAM          IAM
	Alertmanager Alertmanager
	Fleet        Fleet
	Prometheus   Prometheus
	Prober       Prober
	Journal      Journal
}

// Ports gives the process's view of the world.
func (p *Process) Ports() Ports {
	out := Ports{
		Repository: Repository{p}, Spinnaker: Spinnaker{p}, Host: Host{p}, Vault: Vault{p}, IAM: IAM{p},
		Alertmanager: Alertmanager{p}, Fleet: Fleet{p}, Prometheus: Prometheus{p}, Prober: Prober{p}, Journal: Journal{p},
		Clusters: map[estate.ClusterName]Kubernetes{},
	}
	for _, c := range p.w.estate.Clusters {
		out.Clusters[c.Name] = Kubernetes{p, p.w.clusters[c.Name.String()]}
	}
	return out
}

// Now is the clock of the process.
func (p *Process) Now() time.Time { return p.w.Now() }

// Cluster is the process's view of one cluster.
func (p *Process) Cluster(name string) Kubernetes { return Kubernetes{p, p.w.clusters[name]} }

// port is a system of the world, as faults and traces name it.
type port string

const (
	portGit        port = "git"
	portHost       port = "host"
	portSpinnaker  port = "spinnaker"
	portKubernetes port = "kubernetes"
	portVault      port = "vault"
	portIAM        port = "iam"
	portAlarms     port = "alertmanager"
	portEdge       port = "edge"
	portMetrics    port = "prometheus"
	portProbe      port = "http"
	portJournal    port = "journal"
)

// look answers a question. Staleable ones may be answered as they were some seconds ago.
func look[T any](ctx context.Context, p *Process, at port, what string, stale bool, f func() (T, error)) (T, error) {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	var zero T
	if err := p.enter(ctx, at, what); err != nil {
		return zero, err
	}
	if stale {
		if old, ok := p.old(what); ok {
			w.judge.excuses.failed = w.now
			return old.(T), nil
		}
	}
	got, err := f()
	w.judge.fails(w, err)
	if err != nil {
		return zero, fmt.Errorf("%s: %w", what, err)
	}
	if stale {
		w.answers[what] = answer{w.now, got}
	}
	return got, nil
}

// change performs an effect.
func change[T any](ctx context.Context, p *Process, at port, what string, f func() (T, error)) (T, error) {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	var zero T
	if err := p.enter(ctx, at, what); err != nil {
		return zero, err
	}
	if err := p.crashPoint(what, false); err != nil {
		return zero, err
	}
	w.flow(w.now)
	before := w.cause
	w.cause = what
	defer func() { w.cause = before }()
	w.judge.intent(w, p, at)
	got, err := f()
	w.judge.fails(w, err)
	w.trace("%s%s", what, orError(err))
	w.changed()
	if p.dead {
		return zero, ErrCrashed // within the effect
	}
	if crash := p.crashPoint(what, true); crash != nil {
		return zero, crash
	}
	if err != nil {
		return zero, fmt.Errorf("%s: %w", what, err)
	}
	if w.faults.lost(w) {
		w.trace("  the answer is lost")
		w.judge.excuses.failed = w.now
		return zero, fmt.Errorf("%s: %w: the answer was lost", what, failure.ErrTransient)
	}
	return got, nil
}

func do(ctx context.Context, p *Process, at port, what string, f func() error) error {
	_, err := change(ctx, p, at, what, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

// enter lets the time of a call pass, and fails if it does not get through.
func (p *Process) enter(ctx context.Context, at port, what string) error {
	w := p.w
	if p.dead {
		return ErrCrashed
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	w.counts.Calls++
	p.wait(at, w.now.Add(w.options.Latency+w.faults.slow(w)))
	if p.dead {
		return ErrCrashed
	}
	if err := w.faults.before(w, at); err != nil {
		w.judge.fails(w, err)
		w.trace("%s: %s", what, err)
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Beside lets the process do something once a second while its calls of other systems than the edge are under way: what
// the program does beside its passes.
func (p *Process) Beside(do func()) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.beside = do
}

// wait lets time pass until then, in steps of a second if there is something to do beside. What is done beside asks the
// edge, the metrics and the journal itself, and may be waited for while one of these is asked.
func (p *Process) wait(at port, until time.Time) {
	w := p.w
	alone := p.beside == nil || at == portEdge || at == portMetrics || at == portJournal
	for !alone && !p.dead && w.uneasy() && until.Sub(p.last) >= time.Second {
		w.advance(maxTime(w.now, minTime(until, p.last.Add(time.Second))))
		p.last = w.now
		w.mu.Unlock()
		p.beside()
		w.mu.Lock()
	}
	w.advance(until)
}
