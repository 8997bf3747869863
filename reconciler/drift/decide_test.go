package drift_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"cutover/reconciler/drift"
	"cutover/reconciler/object"
)

var update = flag.Bool("update", false, "rewrite the want.txt of every testdata file")

var (
	set    = object.Set{Namespace: "core", Name: "api"}
	policy = drift.Policy{Manager: "cutover", MaxPrune: 50}
)

// TestDecide runs the scripts of testdata. In each, applied.yaml (or else git.yaml) is what we applied before,
// default.yaml what the API server then set, edit.yaml what somebody changed with kubectl, foreign.yaml what else
// there is, policy.yaml the rules; want.txt is the report, written anew by -update.
func TestDecide(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txt"), func(t *testing.T) {
			archive, err := txtar.ParseFile(script)
			if err != nil {
				t.Fatal(err)
			}
			got := run(t, archive)
			want := file(archive, "want.txt")
			if want == nil {
				archive.Files = append(archive.Files, txtar.File{Name: "want.txt"})
				want = file(archive, "want.txt")
			}
			if *update {
				want.Data = []byte(got)
				if err := os.WriteFile(script, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want.Data) {
				t.Errorf("%s: got\n%s\nwant\n%s\n(go test -update rewrites it; read the change)", script, got, want.Data)
			}
		})
	}
}

func file(a *txtar.Archive, name string) *txtar.File {
	for i := range a.Files {
		if a.Files[i].Name == name {
			return &a.Files[i]
		}
	}
	return nil
}

func run(t *testing.T, a *txtar.Archive) string {
	data := func(name string) []byte {
		if f := file(a, name); f != nil {
			return f.Data
		}
		return nil
	}
	git := objects(t, data("git.yaml"))
	live := &store{t: t}
	if file(a, "applied.yaml") != nil {
		live.apply(objects(t, data("applied.yaml")))
	} else {
		live.apply(git)
	}
	live.patch("", objects(t, data("default.yaml")))
	live.patch("kubectl-edit", objects(t, data("edit.yaml")))
	live.objects = append(live.objects, objects(t, data("foreign.yaml"))...)
	p := policy
	if err := yaml.UnmarshalStrict(data("policy.yaml"), &p); err != nil {
		t.Fatal(err)
	}
	plan, err := drift.Decide(set, git, object.Live{Objects: live.objects, Complete: true}, p)
	entry := drift.Entry{Set: set, Plan: plan}
	if err != nil {
		entry.Error = err.Error()
	}
	return drift.Report{Cluster: "orbit-prod2", Sets: []drift.Entry{entry}}.Text()
}
