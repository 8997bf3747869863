package scenario

import (
	"regexp"
	"strings"

	"cutover/gitops/estate"
	"cutover/reconciler/contract/labtest"
)

var (
	smokeURL = regexp.MustCompile(`https://[a-z.]+\.example\.com/healthz`)
	bakeTime = regexp.MustCompile(`bake: \d+m`)
	samples  = regexp.MustCompile(`atLeast: \d+`)
)

// Dress makes a product's migrations suit the lab: names that only the real world resolves become addresses of the lab,
// and what takes minutes takes seconds. Nothing else of the files is touched.
func Dress(files []estate.File, edge labtest.Edge, bake string) []estate.File {
	out := make([]estate.File, 0, len(files))
	for _, f := range files {
		if strings.HasPrefix(f.Path, "migrations/") && strings.HasSuffix(f.Path, "/migration.yaml") {
			text := smokeURL.ReplaceAllString(string(f.Data), edge.Upstreams[labtest.New].URL+"/")
			text = bakeTime.ReplaceAllString(text, "bake: "+bake)
			text = samples.ReplaceAllString(text, "atLeast: 20")
			text = strings.ReplaceAll(text, "[2m]", "[5s]")
			f.Data = []byte(text)
		}
		out = append(out, f)
	}
	return out
}
