package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jenkins-x/go-scm/scm"
	"k8s.io/apimachinery/pkg/util/wait"

	"cutover/cmd/internal/lab/load"
	"cutover/cmd/internal/lab/scenario"
	"cutover/gitops/estate"
	"cutover/reconciler/contract/labtest"
)

// parts is what the small migration lacks for all of the steps 1 to 15.
const parts = `
smoke:
  - {name: main page, http: {url: "UPSTREAM/healthz", status: 204}}
  - {name: devices, approval: "tried on test devices"}
alarms:
  silence: {matchers: ['cluster="PRODUCT-prod"'], atMost: 1h}
edge:
  proxies: [edge-1, edge-2, edge-3]
  backend: api
  servers: {from: old, to: new}
  steps: [{weight: 10, bake: 3s}, {weight: 50, bake: 3s}, {weight: 100, bake: 3s}]
  analysis:
    - name: error rate
      query: (sum(rate(http_requests_total{cluster="TO",code=~"5.."}[10s])) or vector(0)) / sum(rate(http_requests_total{cluster="TO"}[10s]))
      atMost: 0.01
      samples: {query: 'sum(increase(http_requests_total{cluster="TO"}[10s]))', atLeast: 20}
singletons:
  - service: match
    clients: [api]
    address: {secret: api-match, key: MATCH_ADDR, from: "match.old.example.com:7000", to: "match.core.svc:7000"}
`

// moving is a place whose migration has all parts, and moves only by merged pull requests.
type moving struct {
	*place
	edge    labtest.Edge
	synclog *text
	hidden  string // begins every value of a secret
}

// text is written by one goroutine and read by another.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (x *text) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.Write(p)
}

func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.String()
}

// newMoving loads the small estate with all parts, its old pipelines and its secrets; secret-sync runs for the new
// cluster, and the migration's branch is there. edit may change the files first.
func newMoving(t *testing.T, edit func([]estate.File) []estate.File) *moving {
	t.Helper()
	return newMovingOn(t, *labtest.Get(t), edit)
}

func newMovingOn(t *testing.T, l labtest.Lab, edit func([]estate.File) []estate.File) *moving {
	t.Helper()
	m := &moving{edge: l.NewEdge(t), synclog: new(text), hidden: "planted-" + strings.ReplaceAll(labtest.Unique(t), "-", "")}
	product := labtest.Unique(t)
	files, versions := smallEstate(product)
	for i, f := range files {
		if strings.HasSuffix(f.Path, "/migration.yaml") {
			more := strings.NewReplacer("UPSTREAM", m.edge.Upstreams[labtest.New].URL, "PRODUCT", product, "TO", m.edge.Upstreams[labtest.New].Cluster).Replace(parts)
			files[i].Data = []byte(strings.Replace(string(f.Data), "roles: []", "roles: ["+product+"-api]", 1) + more)
		}
	}
	if edit != nil {
		files = edit(files)
	}
	versions[product+"-core/journey"] = estate.Must(estate.ParseVersion("2.0.0")) // for those that edit withJourney
	m.place = newPlaceOf(t, scenario.Config{Lab: l, Files: files, Versions: versions, Reviewed: true, Edge: m.edge, Planted: m.hidden})
	if _, err := m.SavePipelines(t.Context(), m.estate, m.migration.Product, prod); err != nil {
		t.Fatal(err)
	}
	sync, err := m.StartSync(t.Context(), syncBinary, m.estate, m.migration, m.synclog)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sync.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the log of secret-sync:\n%s", m.synclog)
		}
	})
	if err := m.Begin(t.Context(), m.migration); err != nil {
		t.Fatal(err)
	}
	return m
}

// withJourney adds a service that only waits to be tried out, and a test that does so.
func withJourney(files []estate.File) []estate.File {
	i := slices.IndexFunc(files, func(f estate.File) bool { return strings.HasSuffix(f.Path, "-core/api/service.yaml") })
	api := path.Dir(files[i].Path)
	dir, namespace := path.Dir(api)+"/journey/", path.Base(path.Dir(api))
	for i, f := range files {
		if strings.HasSuffix(f.Path, "/migration.yaml") {
			test := "smoke:\n  - {name: journey, job: {namespace: " + namespace + ", cronJob: journey}}\n"
			files[i].Data = []byte(strings.Replace(string(f.Data), "smoke:\n", test, 1))
		}
	}
	return append(files,
		estate.File{Path: dir + "service.yaml", Data: []byte("class: stateless\nteam: core\nrepository: orbit/journey\nstacks:\n  prod: {pipelines: [deploy]}\n")},
		estate.File{Path: dir + "values.yaml", Data: []byte("image: registry.example.com/orbit/journey\nkind: CronJob\nschedule: \"0 0 31 2 *\"\nsuspend: true\n")},
		estate.File{Path: dir + "prod-values.yaml", Data: []byte("env: {REGION: {value: here}}\n")},
	)
}

// hooked starts the daemon and lets the git server tell it of what happens.
func (m *moving) hooked(t *testing.T) *scenario.Daemon {
	t.Helper()
	d := m.start(t)
	if err := m.Hook(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return d
}

// proposed waits for the daemon's pull request of a checkpoint, and for its plan.
func (m *moving) proposed(t *testing.T, d *scenario.Daemon, checkpoint string) *scm.PullRequest {
	t.Helper()
	var p *scm.PullRequest
	m.eventually(t, d, "the pull request of "+checkpoint+" is there with its plan", func(ctx context.Context) bool {
		all, err := m.Reviews(ctx)
		i := slices.IndexFunc(all, func(p *scm.PullRequest) bool {
			return !p.Closed && p.Source == "advance/"+m.migration.Name.String()+"/"+checkpoint
		})
		if err != nil || i < 0 {
			return false
		}
		p = all[i]
		return len(m.saidOf(t, p.Number, "### Plan: ")) == 1
	})
	return p
}

// merged merges the daemon's pull request of a checkpoint, and returns it.
func (m *moving) merged(t *testing.T, d *scenario.Daemon, checkpoint string) *scm.PullRequest {
	t.Helper()
	p := m.proposed(t, d, checkpoint)
	if err := m.Merge(t.Context(), p.Number); err != nil {
		t.Fatal(err)
	}
	return p
}

// passed merges the daemon's pull request of a checkpoint, approves what waits for a person, and returns the pull request
// when everything up to the checkpoint is done.
func (m *moving) passed(t *testing.T, d *scenario.Daemon, checkpoint string) *scm.PullRequest {
	t.Helper()
	p := m.merged(t, d, checkpoint)
	m.reached(t, d, p, checkpoint)
	return p
}

// reached waits until everything up to a checkpoint is done, and approves under a pull request what waits for that.
func (m *moving) reached(t *testing.T, d *scenario.Daemon, p *scm.PullRequest, checkpoint string) {
	t.Helper()
	approved := false
	m.await(t, d, checkpoint+" is complete", func(r scenario.Report) bool {
		if r.Decision.Reason.Code == "smoke-approval" && !approved {
			approved = true
			if err := m.Say(t.Context(), p.Number, "Tried on both phones.\n\n/approve devices"); err != nil {
				t.Error(err)
			}
		}
		return standsAt(r) == checkpoint && r.Decision.Kind == "advance" && r.Pass.Done && r.Error == ""
	})
}

// standsAt names the checkpoint of a report, such as deploy or canary-10.
func standsAt(r scenario.Report) string {
	if r.Marker.Phase == estate.Canary.String() {
		return fmt.Sprintf("%s-%d", r.Marker.Phase, r.Marker.Weight)
	}
	return r.Marker.Phase
}

// saidOf are the texts of the daemon's comments under a pull request that have some words in them.
func (m *moving) saidOf(t *testing.T, number int, words string) []string {
	t.Helper()
	list, err := m.Said(t.Context(), number)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range list {
		if c.Author.Login == m.Robot() && strings.Contains(c.Body, words) {
			out = append(out, c.Body)
		}
	}
	return out
}

// state is a commit's newest status in a context, and what it says.
func (m *moving) state(t *testing.T, commit, context string) (state, description string) {
	t.Helper()
	list, err := m.Statuses(t.Context(), commit)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.Context == context {
			return s.State, s.Description
		}
	}
	return "", ""
}

// context is the context of the daemon's statuses for a phase.
func (m *moving) context(phase string) string {
	return "cutover/" + m.migration.Name.String() + "/" + phase
}

// eventually waits for something of the world, and shows the daemon's log if it does not come.
func (m *moving) eventually(t *testing.T, d *scenario.Daemon, what string, is func(context.Context) bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		return is(ctx), nil
	})
	if err == nil {
		return
	}
	_, shown := get(t, d, "/api/v1/migrations")
	_ = d.Kill()
	t.Fatalf("waiting until %s: %v\nthe daemon shows: %s\nits log:\n%s", what, err, shown, m.log)
}

// edgeOf is what the daemon shows of the proxies.
func edgeOf(t *testing.T, d *scenario.Daemon) []shownProxy {
	t.Helper()
	_, text := get(t, d, "/api/v1/migrations")
	var reports []struct{ Edge []shownProxy }
	if err := json.Unmarshal([]byte(text), &reports); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if len(reports) != 1 {
		return nil
	}
	return reports[0].Edge
}

type shownProxy struct {
	Proxy, Unreachable string
	Weight             int
}

// cutover runs a command of the program against the place, and returns what it prints.
func (m *moving) cutover(t *testing.T, d *scenario.Daemon, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, append(args, "--config", d.Config)...)
	cmd.Env = append(cmd.Environ(), m.Env()...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) { // which says that something differs
		t.Fatalf("cutover %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// users send requests through the proxies until the test ends or they are stopped: those of each proxy by themselves.
type users map[string]*load.Source

func (m *moving) newUsers(t *testing.T, perSecond float64) users {
	t.Helper()
	u := users{}
	for _, p := range m.edge.Proxies {
		u.arrive(t, p, perSecond)
	}
	t.Cleanup(func() { u.stop() })
	return u
}

func (u users) arrive(t *testing.T, p labtest.Proxy, perSecond float64) {
	t.Helper()
	source, err := load.Start(t.Context(), load.Config{Targets: []string{p.Frontend}, Rate: perSecond, Concurrency: 4})
	if err != nil {
		t.Fatal(err)
	}
	u[p.Name] = source
}

func (u users) stop() {
	for _, s := range u {
		s.Stop()
	}
}

// sum is what became of all requests.
func (u users) sum() (total, failed int64, reasons []string) {
	for _, s := range u {
		now := s.Snapshot()
		total, failed, reasons = total+now.Total, failed+now.Failed, append(reasons, now.Reasons...)
	}
	return total, failed, reasons
}
