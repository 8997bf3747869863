package templates_test

import (
	"slices"
	"testing"

	"cutover/templates"
)

func TestPipelines(t *testing.T) {
	names := templates.PipelineNames()
	if want := []string{"deploy", "deploy-canary"}; !slices.Equal(names, want) {
		t.Errorf("PipelineNames = %v, want %v", names, want)
	}
	for _, name := range names {
		if text, ok := templates.Pipeline(name); !ok || text == "" {
			t.Errorf("%s: empty or missing", name)
		}
	}
	for _, name := range []string{"", "none", "../templates", "deploy.yaml"} {
		if _, ok := templates.Pipeline(name); ok {
			t.Errorf("%q: there is no such template", name)
		}
	}
}
