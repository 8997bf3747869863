package docs_test

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"

	"cutover/cmd/internal/cli"
)

var (
	block   = regexp.MustCompile("(?ms)^ *```(?:console|sh|bash)?\n(.*?)^ *```$|((?:^    [^\n]*\n)+)")
	inline  = regexp.MustCompile("`(cutover [^`]+)`")
	comment = regexp.MustCompile(`\s+#\s.*$`)
	quoted  = regexp.MustCompile(`"[^"]*"`)
	piped   = regexp.MustCompile(`\s(?:[>|]|&&|2>|for\s|; ).*$`)
	flagged = regexp.MustCompile(`^--?([a-zA-Z][\w-]*)`)
)

// TestCommands: every command line of the pages names a command that there is, and flags that it has.
func TestCommands(t *testing.T) {
	seen := 0
	for _, page := range pages(t) {
		for _, line := range commandLines(read(t, page)) {
			seen++
			checkCommand(t, page, line)
		}
	}
	if seen < 40 {
		t.Errorf("only %d command lines were found: is the pattern right?", seen)
	}
}

// commandLines are the lines of a page that run the program.
func commandLines(text string) []string {
	var out []string
	for _, found := range block.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(found[1] + found[2]) {
			line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
			line = strings.TrimPrefix(line, "bin/")
			if strings.HasPrefix(line, "cutover ") {
				out = append(out, line)
			}
		}
	}
	for _, found := range inline.FindAllStringSubmatch(text, -1) {
		out = append(out, strings.Join(strings.Fields(found[1]), " "))
	}
	return out
}

func checkCommand(t *testing.T, page, line string) {
	t.Helper()
	words := strings.Fields(piped.ReplaceAllString(quoted.ReplaceAllString(comment.ReplaceAllString(line, ""), "X"), ""))[1:]
	var name []string
	for _, word := range words {
		if regexp.MustCompile(`^[a-z]+$`).MatchString(word) && len(name) < 2 {
			name = append(name, word)
			continue
		}
		break
	}
	help := ""
	for ; len(name) > 0 && help == ""; name = name[:len(name)-1] {
		help = helpOf(t, name)
		if help != "" {
			break
		}
	}
	if help == "" {
		t.Errorf("%s: %q: there is no such command", page, line)
		return
	}
	for _, word := range words {
		if word == "--" {
			break // the rest is another program's
		}
		found := flagged.FindStringSubmatch(word)
		if found == nil {
			continue
		}
		pattern := `(?m)^\s+(-\w, )?--` + regexp.QuoteMeta(found[1]) + `\b`
		if !strings.HasPrefix(word, "--") {
			pattern = `(?m)^\s+-` + regexp.QuoteMeta(found[1]) + `, --`
		}
		if !regexp.MustCompile(pattern).MatchString(help) {
			t.Errorf("%s: %q: cutover %s has no flag %s", page, line, strings.Join(name, " "), word)
		}
	}
}

// helpOf is what the program says about a command; "" if there is none of that name.
func helpOf(t *testing.T, name []string) string {
	t.Helper()
	var out, complaints bytes.Buffer
	code := cli.Run(context.Background(), append(append([]string{}, name...), "--help"), cli.Streams{Out: &out, Err: &complaints}, "test")
	usage := regexp.MustCompile(`(?m)^  cutover ` + regexp.QuoteMeta(strings.Join(name, " ")) + `\b`)
	if code != 0 || !usage.MatchString(out.String()) {
		return ""
	}
	return out.String()
}
