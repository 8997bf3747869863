package githost

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestShorten(t *testing.T) {
	if got := shorten("short", 100); got != "short" {
		t.Errorf("got %q", got)
	}
	for _, text := range []string{
		strings.Repeat("ä", 5000),
		"```\n" + strings.Repeat("line\n", 1000) + "```\n",
		strings.Repeat("<details>\n", 4) + strings.Repeat("line\n", 1000),
	} {
		got := shorten(text, 1000)
		if len(got) > 1000 || !utf8.ValidString(got) || !strings.Contains(got, "Cut here") {
			t.Errorf("%d bytes: %q", len(got), got)
		}
		if strings.Count(got, "```")%2 != 0 || strings.Count(got, "<details>") != strings.Count(got, "</details>") {
			t.Errorf("the cut left something open: %q", got)
		}
	}
}

func TestMarks(t *testing.T) {
	for name, mark := range map[string]func(string) string{"HTML": htmlMark, "link": linkMark} {
		l := limits{body: 1000, mark: mark}
		text := marked("eks/plan", "text", l)
		if !hasMark(text, "eks/plan", l) || !hasMark("\r\n"+text, "eks/plan", l) || unmarked(text) != "text" {
			t.Errorf("%s: %q", name, text)
		}
		for _, other := range []string{"eks/pla", "eks/plan.2", "eks"} {
			if hasMark(text, other, l) {
				t.Errorf("%s: %q is taken for %s", name, text, other)
			}
		}
		if hasMark("> "+text, "eks/plan", l) {
			t.Errorf("%s: a quotation is taken for the comment", name)
		}
		if long := marked("eks/plan", strings.Repeat("line\n", 1000), l); len(long) > 1000 || !hasMark(long, "eks/plan", l) {
			t.Errorf("%s: %d bytes", name, len(long))
		}
	}
}
