package values

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// services78 is the size of the estate that the runbook speaks of.
func services78(tb testing.TB) fstest.MapFS {
	fsys := example(tb)
	const api = "deploy-values/orbit/core/api/"
	for i := range 74 {
		dir := fmt.Sprintf("deploy-values/orbit/core/service-%d/", i)
		for _, name := range []string{"service.yaml", "values.yaml", "prod-values.yaml"} {
			data := strings.ReplaceAll(string(fsys[api+name].Data), "orbit/api", fmt.Sprintf("orbit/service-%d", i))
			fsys[dir+name] = &fstest.MapFile{Data: fmt.Appendf(nil, "# %d\n%s", i, data)}
		}
	}
	return fsys
}

func BenchmarkRead(b *testing.B) {
	fsys := services78(b)
	b.ReportAllocs()
	for b.Loop() {
		if e, problems := Read(fsys); len(e.Services) != 78 || len(problems) > 0 {
			b.Fatal(len(e.Services), problems.Err())
		}
	}
}

// BenchmarkReaderOneChange reads the estate again after one values file has changed.
func BenchmarkReaderOneChange(b *testing.B) {
	fsys := services78(b)
	var r Reader
	for i := 0; b.Loop(); i++ {
		fsys["deploy-values/orbit/core/api/values.yaml"] = &fstest.MapFile{Data: fmt.Appendf(nil, "image: v%d\n", i)}
		if e, problems := r.Read(fsys); len(e.Services) != 78 || len(problems) > 0 {
			b.Fatal(len(e.Services), problems.Err())
		}
	}
}
