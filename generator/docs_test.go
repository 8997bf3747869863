package generator_test

import (
	"os"
	"regexp"
	"testing"
)

// TestDocumentedTemplate: the template that newcomers copy makes a pipeline.
func TestDocumentedTemplate(t *testing.T) {
	page, err := os.ReadFile("../docs/writing-templates.md")
	if err != nil {
		t.Fatal(err)
	}
	smallest := regexp.MustCompile("(?s)```yaml\n(application:.*?)```").FindSubmatch(page)
	if smallest == nil {
		t.Fatal("the page has no template that begins with application:")
	}
	if _, err := generate(t, string(smallest[1])); err != nil {
		t.Error(err)
	}
}
