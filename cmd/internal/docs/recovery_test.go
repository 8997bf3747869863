package docs_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"cutover/reconciler/invariant"
	"cutover/reconciler/phase"
)

const recoveryPage = "docs/recovery.md"

// TestRecovery: whoever is called finds the paragraph of what they read, and no paragraph is about what cannot be.
func TestRecovery(t *testing.T) {
	var want []string
	for _, code := range phase.Codes {
		if code.Waits() {
			want = append(want, string(code))
		}
	}
	reasons := paragraphs(t, "###")
	complain(t, "reason", want, reasons)
	for name, text := range reasons {
		at := -1
		for _, part := range []string{"**Means** ", "**Look** ", "**Do** ", "**Meanwhile** "} {
			i := strings.Index(text, part)
			if i <= at {
				t.Errorf("%s: %s does not say, in this order, %s", recoveryPage, name, part)
			}
			at = i
		}
	}
	complain(t, "invariant", invariant.Names, paragraphs(t, "####"))
}

// paragraphs are what stands under the headings of one level, up to the next of this level or above.
func paragraphs(t *testing.T, level string) map[string]string {
	t.Helper()
	out := map[string]string{}
	ends := regexp.MustCompile(`(?m)^(#{1,` + regexp.QuoteMeta(string(rune('0'+len(level)))) + `}) (.*)$`)
	page := fenced.ReplaceAllString(read(t, recoveryPage), "")
	found := ends.FindAllStringSubmatchIndex(page, -1)
	for i, at := range found {
		if page[at[2]:at[3]] != level {
			continue
		}
		end := len(page)
		if i+1 < len(found) {
			end = found[i+1][0]
		}
		name := page[at[4]:at[5]]
		if _, twice := out[name]; twice {
			t.Errorf("%s has two paragraphs %s", recoveryPage, name)
		}
		out[name] = strings.TrimSpace(page[at[1]:end])
	}
	return out
}

func complain(t *testing.T, what string, want []string, have map[string]string) {
	t.Helper()
	for _, name := range want {
		if have[name] == "" {
			t.Errorf("%s has no paragraph for %s %s", recoveryPage, what, name)
		}
	}
	for name := range have {
		if !slices.Contains(want, name) {
			t.Errorf("%s has a paragraph %s, and there is no such %s", recoveryPage, name, what)
		}
	}
}
