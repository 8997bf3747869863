package estate_test

import (
	"testing"

	"cutover/gitops/estate"
)

func TestServiceOf(t *testing.T) {
	for path, want := range map[string]string{
		"deploy-values/orbit/core/api/values.yaml":       "orbit/core/api",
		"deploy-values/orbit/core/api/charts/a/b.yaml":   "orbit/core/api",
		"deploy-values/orbit/core/NEW_one/service.yaml":  "orbit/core/",
		"deploy-values/orbit/core/README.md":             "none",
		"deploy-value/orbit/core/api/values.yaml":        "none",
		"other/deploy-values/orbit/core/api/values.yaml": "none",
		"cutover.yaml": "none",
	} {
		got := "none"
		if id, ok := estate.ServiceOf(path); ok {
			got = id.String()
		}
		if got != want {
			t.Errorf("%s belongs to %s, want %s", path, got, want)
		}
	}
}
