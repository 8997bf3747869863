package e2e

import (
	"context"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"cutover/charts"
	"cutover/cmd/internal/lab/scenario"
	"cutover/cmd/internal/lab/spinnaker"
	"cutover/gitops/estate"
	"cutover/reconciler/contract/labtest"
)

// binary is the program under test, and syncBinary what makes Secrets of the new cluster from Vault.
var binary, syncBinary string

// atOnce is how many tests run at once, unless the command line says otherwise: they wait for servers more than they
// compute.
const atOnce = "4"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if err := flag.Set("test.parallel", atOnce); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "cutover-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary, syncBinary = filepath.Join(dir, "cutover"), filepath.Join(dir, "secret-sync")
	if out, err := exec.Command("go", "build", "-o", dir, "cutover/cmd/cutover", "cutover/cmd/secret-sync").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the programs: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// place is a product in the lab, with a Gate of its own.
type place struct {
	*scenario.Scenario
	gate      *spinnaker.Server
	cluster   dynamic.Interface // the new one
	estate    *estate.Estate
	migration estate.Migration
	log       *strings.Builder
}

var prod = estate.Must(estate.ParseStackName("prod"))

// newPlace loads the small estate into the lab. edit may change its files first.
func newPlace(t *testing.T, edit func([]estate.File) []estate.File) *place {
	t.Helper()
	l := labtest.Get(t)
	files, versions := smallEstate(labtest.Unique(t))
	if edit != nil {
		files = edit(files)
	}
	return newPlaceOf(t, scenario.Config{Lab: *l, Files: files, Versions: versions})
}

// newPlaceOf loads an estate into the lab. What c leaves out is filled in.
func newPlaceOf(t *testing.T, c scenario.Config) *place {
	t.Helper()
	ctx, l := t.Context(), labtest.Get(t)
	repository := labtest.Unique(t)
	gate, err := spinnaker.New(spinnaker.Config{
		Accounts: map[string]*rest.Config{"orbit-prod": l.REST(t, labtest.Old), "orbit-prod2": l.REST(t, labtest.New)},
		Artifacts: []spinnaker.ArtifactAccount{{
			Name: "values", URL: c.Lab.Git.URL + "/" + l.Git.Username + "/" + repository + ".git",
			Username: l.Git.Username, Token: l.Git.Token,
		}},
		Charts: charts.Files,
		Dir:    t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gate.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := gate.Close(); err != nil {
			t.Error(err)
		}
	})
	c.Gate, c.Dir, c.Repository, c.Poll = server.URL, t.TempDir(), repository, time.Second
	s, err := scenario.New(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &place{Scenario: s, gate: gate, log: new(strings.Builder)}
	if p.cluster, err = dynamic.NewForConfig(l.REST(t, labtest.New)); err != nil {
		t.Fatal(err)
	}
	if p.estate, p.migration, err = s.Estate(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.LoadOldCluster(ctx, p.estate, p.migration); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.DeleteNamespaces(context.WithoutCancel(ctx), p.estate, p.migration.Product, prod); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *place) start(t *testing.T) *scenario.Daemon {
	t.Helper()
	d, err := p.Start(t.Context(), binary, p.log)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (p *place) mark(t *testing.T, phases ...estate.Phase) {
	t.Helper()
	for _, phase := range phases {
		if _, err := p.Mark(t.Context(), p.migration, phase); err != nil {
			t.Fatal(err)
		}
	}
}

// await waits for a report, and shows the daemon's log if it does not come.
func (p *place) await(t *testing.T, d *scenario.Daemon, what string, done func(scenario.Report) bool) scenario.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r, err := d.Await(ctx, p.migration.Branch, done)
	if err != nil {
		_ = d.Kill()
		t.Fatalf("waiting until %s: %v\nthe daemon's log:\n%s", what, err, p.log)
	}
	return r
}

// complete tells whether everything up to a phase is done, and the pass that found it so has ended.
func complete(p estate.Phase) func(scenario.Report) bool {
	return func(r scenario.Report) bool {
		return r.Marker.Phase == p.String() && r.Decision.Kind == "advance" && r.Pass.Done && r.Error == ""
	}
}
