// Package internal_test keeps the architecture: which package may import which, and which may do I/O.
// The floors are explained in docs/how-it-works.md.
package internal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "cutover"

// floors lists every package of the program, from nouns and data up to the commands. A package imports packages
// of lower floors only. An entry that ends in "/..." stands for a package and everything below it.
var floors = [][]string{
	0: {"gitops/estate", "generator/pipeline", "gitops/review", "reconciler/evidence", "reconciler/failure", "reconciler/object", "reconciler/record", "templates", "charts/..."},
	1: {"generator", "gitops/values/...", "reconciler/manifest", "reconciler/drift", "reconciler/phase", "reconciler/invariant"},
	2: {"reconciler", "reconciler/remote/...", "reconciler/journal/...", "gitops/repo/...", "gitops/githost/..."},
	3: {"reconciler/contract/...", "reconciler/world/...", "reconciler/manifest/manifesttest"},
	4: {"cmd/internal/..."},
	5: {"cmd/cutover", "cmd/secret-sync"},
}

// lastPure is the highest floor that only computes.
const lastPure = 1

// sideways are the imports within a floor that are meant. All others are refused: packages of one floor that
// know each other cannot be understood, or replaced, one at a time.
var sideways = map[string][]string{
	"charts":                     {"gitops/estate"},                       // a chart's files are estate.Files
	"templates":                  {"gitops/estate"},                       // a template is an estate.Template
	"reconciler/evidence":        {"gitops/estate", "generator/pipeline"}, // what was seen is named in their terms
	"reconciler/record":          {"gitops/estate"},
	"cmd/internal/app":           {"cmd/internal/show", "cmd/internal/web"},
	"cmd/internal/cli":           {"cmd/internal/app", "cmd/internal/demo", "cmd/internal/lab/...", "cmd/internal/show", "cmd/internal/term", "cmd/internal/web"},
	"cmd/internal/demo":          {"cmd/internal/lab/...", "cmd/internal/term"},
	"cmd/internal/lab":           {"cmd/internal/lab/..."},
	"cmd/internal/lab/spinnaker": {"cmd/internal/lab/spinnaker/..."},
	"cmd/internal/sim":           {"cmd/internal/term"},
}

// effects are the packages of the standard library that pure floors must not import, and what to do instead.
var effects = map[string]string{
	"context":  "code that only computes has nothing to cancel",
	"log/slog": "return the reason as data, and let the caller log it",
	"net":      "take the data as an argument, and let an adapter on floor 2 fetch it",
	"net/http": "take the data as an argument, and let an adapter on floor 2 fetch it",
	"os":       "take a []estate.File or an fs.FS as an argument",
	"os/exec":  "let an adapter on floor 2 run the command",
}

// clock are the names of package time that read or wait on the clock.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// pkg is what a rule needs to know of a package. Paths of the program's own packages are without the module.
type pkg struct {
	path    string
	imports []string
	clock   []string // "file:line: time.Now" of each use of the clock
}

func TestArchitecture(t *testing.T) {
	readDirectories(t, "../..")
	for _, p := range list(t) {
		for _, complaint := range complaints(p) {
			t.Error(complaint)
		}
	}
}

func TestComplaints(t *testing.T) {
	tests := []struct {
		name string
		pkg  pkg
		want []string
	}{
		{"downwards is fine", pkg{path: "generator", imports: []string{"cutover/gitops/estate", "strings", "time"}}, nil},
		{"upwards", pkg{path: "generator", imports: []string{"cutover/gitops/repo"}}, []string{
			"generator (floor 1) imports gitops/repo (floor 2): import only downwards; declare the interface that generator needs and let cmd/internal/app hand it in"}},
		{"sideways", pkg{path: "reconciler", imports: []string{"cutover/reconciler/remote/gate"}}, []string{
			"reconciler imports reconciler/remote/gate, and both are on floor 2: packages of one floor never import each other; move what they share to a lower floor, or let the floor above join them"}},
		{"sideways where it is meant", pkg{path: "cmd/internal/cli", imports: []string{"cutover/cmd/internal/lab", "cutover/cmd/internal/lab/sample"}}, nil},
		{"unknown package", pkg{path: "gitops/magic"}, []string{
			"gitops/magic has no floor: give it one in the table of cmd/internal/architecture_test.go, the lowest one whose rules it can keep"}},
		{"effect on a pure floor", pkg{path: "reconciler/phase", imports: []string{"os"}}, []string{
			"reconciler/phase (floor 1) imports os: floors 0 and 1 only compute; take a []estate.File or an fs.FS as an argument"}},
		{"effect above", pkg{path: "gitops/repo", imports: []string{"os", "context"}, clock: []string{"repo.go:3: time.Now"}}, nil},
		{"clock on a pure floor", pkg{path: "gitops/estate", clock: []string{"gitops/estate/phase.go:7: time.Now"}}, []string{
			"gitops/estate/phase.go:7: time.Now: floors 0 and 1 have no clock; take the time as an argument"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, complaints(tt.pkg)); diff != "" {
				t.Errorf("complaints (-want +got):\n%s", diff)
			}
		})
	}
}

// complaints returns one sentence for each rule that p breaks.
func complaints(p pkg) []string {
	floor, ok := floorOf(p.path)
	if !ok {
		return []string{p.path + " has no floor: give it one in the table of cmd/internal/architecture_test.go, the lowest one whose rules it can keep"}
	}
	var out []string
	for _, imported := range p.imports {
		if complaint := importComplaint(p.path, floor, imported); complaint != "" {
			out = append(out, complaint)
		}
	}
	if floor <= lastPure {
		for _, use := range p.clock {
			out = append(out, fmt.Sprintf("%s: floors 0 and %d have no clock; take the time as an argument", use, lastPure))
		}
	}
	return out
}

func importComplaint(importer string, floor int, imported string) string {
	if instead, ok := effects[imported]; ok && floor <= lastPure {
		return fmt.Sprintf("%s (floor %d) imports %s: floors 0 and %d only compute; %s", importer, floor, imported, lastPure, instead)
	}
	own, ok := strings.CutPrefix(imported, module+"/")
	if !ok {
		return ""
	}
	// A package without a floor is complained about where it stands.
	switch other, known := floorOf(own); {
	case !known || other < floor:
		return ""
	case other > floor:
		return fmt.Sprintf("%s (floor %d) imports %s (floor %d): import only downwards; declare the interface that %s needs and let cmd/internal/app hand it in",
			importer, floor, own, other, path.Base(importer))
	case matchesAny(sideways[importer], own):
		return ""
	default:
		return fmt.Sprintf("%s imports %s, and both are on floor %d: packages of one floor never import each other; move what they share to a lower floor, or let the floor above join them",
			importer, own, floor)
	}
}

// floorOf returns the floor of a package. An entry for the package itself counts before one that ends in "/...".
func floorOf(pkgPath string) (int, bool) {
	for floor, patterns := range floors {
		if slices.Contains(patterns, pkgPath) {
			return floor, true
		}
	}
	for floor, patterns := range floors {
		if matchesAny(patterns, pkgPath) {
			return floor, true
		}
	}
	return 0, false
}

func matchesAny(patterns []string, pkgPath string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		root, deep := strings.CutSuffix(pattern, "/...")
		return pkgPath == root || deep && strings.HasPrefix(pkgPath, root+"/")
	})
}

// readDirectories opens every directory of the program. What go list reads is unknown to go test, so without this a
// new package would be met with a result from the test cache.
func readDirectories(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(_ string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.Name() == ".git" {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// list reads the program's packages, without their tests: a test may import what it likes. It goes on after an
// import that cannot be found (-e): that is the compiler's to report.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var pkgs []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var listed struct {
			ImportPath, Dir  string
			GoFiles, Imports []string
		}
		if err := decoder.Decode(&listed); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		if len(listed.GoFiles) == 0 {
			continue // only tests
		}
		p := pkg{path: strings.TrimPrefix(listed.ImportPath, module+"/"), imports: listed.Imports}
		for _, name := range listed.GoFiles {
			p.clock = append(p.clock, clockUses(t, filepath.Join(listed.Dir, name), path.Join(p.path, name))...)
		}
		pkgs = append(pkgs, p)
	}
}

// clockUses parses a file and returns each place where it names the clock, called or not.
func clockUses(t *testing.T, file, shown string) []string {
	t.Helper()
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	name, ok := importName(parsed, "time")
	if !ok {
		return nil
	}
	var uses []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && slices.Contains(clock, sel.Sel.Name) {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == name {
				uses = append(uses, fmt.Sprintf("%s:%d: time.%s", shown, fset.Position(sel.Pos()).Line, sel.Sel.Name))
			}
		}
		return true
	})
	return uses
}

// importName returns the name under which a file knows a package.
func importName(file *ast.File, imported string) (string, bool) {
	for _, spec := range file.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err != nil || p != imported {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name, true
		}
		return path.Base(imported), true
	}
	return "", false
}
