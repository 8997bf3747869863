package world

import (
	"container/heap"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"cutover/generator"
	"cutover/gitops/estate"
	"cutover/gitops/values"
)

// Options say what a World begins with.
type Options struct {
	Seed  uint64
	Start time.Time // zero: some morning
	// Files are the values repository's main branch. They name one migration. None: SampleFiles.
	Files []estate.File
	// Versions are what the old cluster runs, by service; a service that is not named runs 1.0.0.
	Versions map[string]string
	// Latency is how long a call takes; default 5ms.
	Latency time.Duration
	// Requests is how many requests users send in a second; default 100.
	Requests float64
	// Retreat is within which time traffic has to leave a cluster that answers with errors, late or never, at least in part;
	// default 3m: at the lowest weights it takes that long until there is enough to judge by.
	Retreat time.Duration
	// Trace is told every call and event, in one line each; nil for none.
	Trace func(line string)
	// Empty leaves out the estate's own content: no pipelines, no Pods, no secrets.
	Empty bool
}

// Generator are the options under which the pipelines of the world's estate are generated.
var Generator = generator.Options{Estate: "deploy-values", Repository: "https://git.example.com/orbit/deploy-values", Base: Main}

// Main is the name of the base branch.
const Main = "main"

// World is the universe. Its methods, and those of its processes, may be called by several goroutines; then it is no
// longer the seed alone that decides what happens.
type World struct {
	mu      sync.Mutex
	options Options
	now     time.Time
	events  queue
	order   int // of events and ids
	rng     *rand.Rand

	estate    *estate.Estate
	migration estate.Migration

	git         git
	host        host
	spinnaker   spinnaker
	clusters    map[string]*cluster
	vault       vault
	roles       map[string]*role
	alarms      alarms
	fleet       map[string]*proxy
	traffic     traffic
	journal     journal
	metrics     map[string][]float64
	failures    float64 // how likely an execution fails, before it deploys and again after
	failingJobs float64 // how likely a Job fails

	faults  Faults
	outages map[string]time.Time // by port
	answers map[string]answer    // for stale reads
	crash   crashPoint
	process *Process // the one that lives

	counts   Counts
	judge    judge
	breaches []Breach
	cause    string // the call or event that is under way

	settingUp bool // what happens while the world is made breaks nothing
}

// Counts are what happened in a world.
type Counts struct {
	Calls, Effects, Faults, Crashes, Processes, Events int
	Requests, Failed                                   float64
}

// New makes a world: the old cluster runs every service, the new one is empty.
func New(o Options) (*World, error) {
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	}
	if o.Latency == 0 {
		o.Latency = 5 * time.Millisecond
	}
	if o.Requests == 0 && !o.Empty {
		o.Requests = 100
	}
	if o.Retreat == 0 {
		o.Retreat = 3 * time.Minute
	}
	if o.Files == nil {
		o.Files = SampleFiles()
	}
	w := &World{
		options: o, now: o.Start, rng: rand.New(rand.NewPCG(o.Seed, 0x63757476)), //nolint:gosec // it has to repeat
		clusters: map[string]*cluster{}, roles: map[string]*role{}, fleet: map[string]*proxy{},
		metrics: map[string][]float64{}, outages: map[string]time.Time{}, answers: map[string]answer{},
		cause: "the beginning",
	}
	w.git = newGit()
	w.host = newHost()
	w.spinnaker = newSpinnaker()
	w.vault = vault{secrets: map[string]*secret{}}
	w.alarms = alarms{silences: map[string]*silence{}}
	w.journal = newJournal()
	w.judge = newJudge()
	root := w.git.commit(nil, treeOf(o.Files), "First files\n", "ada", w.now)
	w.git.branches[Main] = root.Hash
	w.traffic.last = w.now
	return w, w.populate(root)
}

// populate reads the estate and builds what it names.
func (w *World) populate(root *commit) error {
	if _, named := root.tree.files["cutover.yaml"]; w.options.Empty && !named {
		w.estate = &estate.Estate{} // a world without any
		return nil
	}
	e, problems := readEstate(root.tree)
	if err := problems.Err(); err != nil {
		return fmt.Errorf("the world's estate: %w", err)
	}
	w.estate = e
	for _, c := range e.Clusters {
		w.clusters[c.Name.String()] = newCluster(w, c.Name.String(), c.Secrets)
	}
	if len(e.Migrations) == 0 {
		return nil
	}
	w.migration = e.Migrations[0]
	m := w.migration
	w.git.branches[m.Branch] = root.Hash
	for _, name := range m.Edge.Proxies {
		w.addProxy(name, m.Edge.Backend, m.Edge.From, m.Edge.To)
	}
	for _, name := range m.Trust.Roles {
		w.roles[name] = &role{principals: []string{"arn:aws:iam::123456789012:role/nodes." + m.From.Cluster.String()}, ours: map[string]bool{}}
	}
	if w.options.Empty {
		return nil
	}
	if err := w.furnish(); err != nil {
		return fmt.Errorf("furnish the world: %w", err)
	}
	w.judge.begin(w)
	return nil
}

// Now is the world's time.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// Migration is the migration that the world began with.
func (w *World) Migration() estate.Migration { return w.migration }

// Counts tells what has happened so far.
func (w *World) Counts() Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flow(w.now)
	c := w.counts
	c.Requests, c.Failed = w.traffic.requests, w.traffic.failed
	return c
}

// Rand is the world's own source of chance, for who plays people in it.
func (w *World) Rand() *rand.Rand { return w.rng }

// event is something that happens at a time.
type event struct {
	at    time.Time
	order int
	name  string
	do    func()
}

// queue is a heap of events, the earliest first.
type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at.Before(q[j].at) || q[i].at.Equal(q[j].at) && q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = slices.Delete(old, len(old)-1, len(old))
	return last
}

// after lets something happen later. The world is locked when it does.
func (w *World) after(d time.Duration, name string, do func()) {
	w.order++
	heap.Push(&w.events, event{w.now.Add(d), w.order, name, do})
}

// Next is when the next event happens by itself, or zero if none will.
func (w *World) Next() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.events) == 0 {
		return time.Time{}
	}
	return w.events[0].at
}

// Advance lets time pass until then. A time that is past changes nothing.
func (w *World) Advance(until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance(until)
}

// Watch lets time pass until then, or until a moment after an object of the cluster changed, which it tells: what a watch
// would.
func (w *World) Watch(cluster estate.ClusterName, until time.Time, settle time.Duration) (touched bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.clusters[cluster.String()]
	seen := len(c.touched)
	for len(w.events) > 0 && !w.events[0].at.After(until) {
		w.advance(w.events[0].at)
		if len(c.touched) > seen {
			until = minTime(until, w.now.Add(settle))
			seen = len(c.touched) + 1<<30
			touched = true
		}
	}
	w.advance(until)
	return touched
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (w *World) advance(until time.Time) {
	for len(w.events) > 0 && !w.events[0].at.After(until) {
		e := heap.Pop(&w.events).(event)
		if e.at.After(w.now) {
			w.flow(e.at)
			w.now = e.at
		}
		before := w.cause
		w.cause = e.name
		w.counts.Events++
		e.do()
		w.changed()
		w.cause = before
	}
	if until.After(w.now) {
		w.now = until // traffic is counted when somebody looks, or something changes
	}
}

// act lets a person change something.
func (w *World) act(what string, do func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flow(w.now)
	before := w.cause
	w.cause = what
	err := do()
	w.trace("person: %s%s", what, orError(err))
	w.changed()
	w.cause = before
	return err
}

func (w *World) trace(format string, args ...any) {
	if w.options.Trace != nil {
		w.options.Trace(w.now.UTC().Format("15:04:05.000 ") + fmt.Sprintf(format, args...))
	}
}

func orError(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

func (w *World) id(prefix string) string {
	w.order++
	return fmt.Sprintf("%s%06d", prefix, w.order)
}

// estates are those that were read already, by the digest of their tree: worlds of one test have most in common.
var estates sync.Map // of *readOnce

type readOnce struct {
	once     sync.Once
	estate   *estate.Estate
	problems values.Problems
}

var reader values.Reader

// ended is a time at which every exception from the freeze has: what has to be read of a tree does not depend on the time.
var ended = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func readEstate(t *tree) (*estate.Estate, values.Problems) {
	found, _ := estates.LoadOrStore(t.digest, &readOnce{})
	r := found.(*readOnce)
	r.once.Do(func() { r.estate, r.problems = reader.ReadAt(fs.FS(t), ended) })
	return r.estate, r.problems
}
