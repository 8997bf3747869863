package githost

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"cutover/gitops/review"
	"cutover/reconciler/failure"
)

const (
	// mostStatus is the longest text of a status, in runes: GitHub refuses more.
	mostStatus = 140
	// mostTitle is the longest title of a pull request, in runes, on all hosts.
	mostTitle = 255
)

// cut shortens a text to a number of runes.
func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// shorten fits a Markdown text into a number of bytes. It cuts at the end of a line, closes what the cut left open and
// says so.
func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	note := fmt.Sprintf("\n\n**Cut here**: this git host takes no more than %d bytes.\n", most)
	const fence, details = "\n```", "\n</details>"
	room := most - len(note) - len(fence) - 8*len(details)
	kept := text[:max(room, 0)]
	for !utf8.ValidString(kept) {
		kept = kept[:len(kept)-1]
	}
	if end := strings.LastIndexByte(kept, '\n'); end > 0 {
		kept = kept[:end]
	}
	if strings.Count("\n"+kept, fence)%2 == 1 {
		kept += fence
	}
	open := strings.Count(kept, "<details") - strings.Count(kept, "</details>")
	return kept + strings.Repeat(details, min(max(open, 0), 8)) + note
}

// same compares texts as far as git hosts keep them: some change line ends or trim.
func same(a, b string) bool { return plain(a) == plain(b) }

func plain(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
}

// fitted is a draft that the host takes.
func fitted(d review.Draft, l limits) review.Draft {
	d.Title = cut(strings.Join(strings.Fields(d.Title), " "), mostTitle)
	d.Body = shorten(d.Body, l.body)
	return d
}

var markForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:-]*$`)

// checkMark refuses a mark that could end the comment in which it hides.
func checkMark(mark string) error {
	if !markForm.MatchString(mark) || strings.Contains(mark, "--") {
		return fmt.Errorf("%w: %q is no mark: use letters, digits and . _ / : - (not two of them in a row)", failure.ErrRefused, mark)
	}
	return nil
}

// htmlMark hides a mark where Markdown may hold HTML.
func htmlMark(mark string) string { return "<!-- cutover:" + mark + " -->" }

// linkMark hides a mark where HTML is shown: a link's definition that nothing refers to.
func linkMark(mark string) string { return "[//]: # (cutover:" + mark + ")" }

// marked puts the mark on the first line, where no cut takes it away.
func marked(mark, text string, l limits) string {
	line := l.mark(mark) + "\n\n"
	return line + shorten(text, l.body-len(line))
}

// hasMark tells whether a comment carries a mark. Only its beginning counts: below may be what a comment quotes.
func hasMark(text, mark string, l limits) bool {
	return strings.HasPrefix(strings.TrimSpace(text), l.mark(mark))
}

var anyMark = regexp.MustCompile(`^\s*(<!-- cutover:\S+ -->|\[//\]: # \(cutover:\S+\))\s*`)

// unmarked is a comment's text as it was given to Comment.
func unmarked(text string) string { return anyMark.ReplaceAllString(text, "") }

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// shortKey stands for a name that is too long to be a key.
func shortKey(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "cutover-" + hex.EncodeToString(sum[:16])
}
