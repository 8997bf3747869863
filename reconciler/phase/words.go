package phase

import (
	"fmt"
	"strings"
)

// mostNamed is how many things a sentence names before it only counts them.
const mostNamed = 5

// some names the first few of a list.
func some[T ~string](list []T) string {
	var b strings.Builder
	for i, s := range list {
		switch {
		case i == mostNamed:
			fmt.Fprintf(&b, " and %d more", len(list)-mostNamed)
			return b.String()
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(s))
	}
	return b.String()
}

// phrases says several things, which may have commas of their own.
func phrases(list []string) string { return strings.Join(list, "; ") }

// count says a number of things: "1 node", "2 nodes".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func percent(weight int) string { return fmt.Sprintf("%d%%", weight) }
