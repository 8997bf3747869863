package manifest_test

import (
	"fmt"
	"testing"
	"time"

	"cutover/reconciler/manifest"
	"cutover/reconciler/manifest/manifesttest"
)

// BenchmarkRender renders a service with both charts: new to the Renderer, and remembered by it. The time that one
// run of helm template per chart takes is reported beside it, as a ratio.
func BenchmarkRender(b *testing.B) {
	const values = "image: a\nport: 8080\nhealthCheckPath: /ok\nautoscaling: {max: 9}\ngateway: {hosts: [a.example.com]}"
	helm := manifesttest.NewHelm(b)
	in := orbitAPI(b, values)
	for _, c := range in.Charts { // warm the disk's cache
		helm.Template(b, in, c)
	}
	const runs = 5
	start := time.Now()
	for range runs {
		for _, c := range in.Charts {
			if err := helm.Command(b, in, c).Run(); err != nil {
				b.Fatal(err)
			}
		}
	}
	command := time.Since(start) / runs

	for _, bench := range []struct {
		name    string
		release func(int) string
	}{
		{"new", func(i int) string { return fmt.Sprintf("api-%d", i) }},
		{"remembered", func(int) string { return "api" }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r := manifest.NewRenderer(1000)
			in := orbitAPI(b, values)
			for i := range b.N {
				in.Release = bench.release(i)
				if _, _, err := r.Render(in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(command)/(float64(b.Elapsed())/float64(b.N)), "x-helm-template")
		})
	}
}
