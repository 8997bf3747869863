package values

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chartutil"

	"cutover/gitops/estate"
)

// fuzz reads the example estate with one file replaced, and checks what holds of every input: no panic, an end
// in bounded time, and problems of one line each that name a line of their file.
func fuzz(f *testing.F, path string, check func(*testing.T, []byte, *estate.Estate, Problems)) {
	fsys := example(f)
	if file, ok := fsys[path]; ok {
		f.Add(file.Data)
	}
	for _, seed := range []string{"", "a: &a [*a]\n", "a: &a {b: 1}\nc: {<<: *a}\n", "? [a]\n: b\n", "a: 1\n---\n", "\ta: 1\n", "a: .inf\n", "a: !!binary x\n", "[", "\"", "- a\n- b: c\n", "a: *b\n", "yes: no\n"} {
		f.Add([]byte(seed))
	}
	var r Reader
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys[path] = &fstest.MapFile{Data: data}
		start := time.Now()
		e, problems := r.Read(fsys)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("took %s", took)
		}
		last := 1
		for _, r := range string(data) {
			if strings.ContainsRune("\n\r\u0085\u2028\u2029", r) { // YAML's line breaks
				last++
			}
		}
		for _, p := range problems {
			if strings.Contains(p.String(), "\n") || p.Message == "" || p.Line < 1 || p.File == path && p.Line > last {
				t.Errorf("problem %q in a file of %d lines", p, last)
			}
		}
		if check != nil {
			check(t, data, e, problems)
		}
	})
}

func FuzzValuesFile(f *testing.F) {
	const path = "deploy-values/orbit/core/api/values.yaml"
	fuzz(f, path, func(t *testing.T, data []byte, e *estate.Estate, problems Problems) {
		if len(problems) > 0 {
			return
		}
		want, err := chartutil.ReadValues(data)
		if err != nil {
			t.Fatalf("Helm refuses what has no problem: %v", err)
		}
		if diff := cmp.Diff(want.AsMap(), e.Services[0].Shared.Values); diff != "" {
			t.Errorf("helm and we differ (-helm +we):\n%s", diff)
		}
	})
}

func FuzzEstateFile(f *testing.F)    { fuzz(f, estatePath, nil) }
func FuzzMigrationFile(f *testing.F) { fuzz(f, "migrations/eks/migration.yaml", nil) }
func FuzzServiceFile(f *testing.F)   { fuzz(f, "deploy-values/orbit/core/api/service.yaml", nil) }
func FuzzBreakGlassFile(f *testing.F) {
	f.Add([]byte("- {service: api, by: Ada, reason: payments fail, until: 2026-03-01T18:00:00Z}\n"))
	fuzz(f, "migrations/eks/break-glass.yaml", nil)
}
