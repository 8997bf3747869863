package show

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
)

// TimeFormat is how times are printed: in UTC, so that two people read the same.
const TimeFormat = "2006-01-02 15:04:05Z"

// Table prints rows in columns, below a heading.
type Table struct {
	w       io.Writer
	text    bytes.Buffer
	columns *tabwriter.Writer
}

// NewTable is an empty table that Flush prints to w.
func NewTable(w io.Writer) *Table {
	t := &Table{w: w}
	t.columns = tabwriter.NewWriter(&t.text, 0, 0, 2, ' ', 0)
	return t
}

// Row adds a row. What is in a cell stands in one line.
func (t *Table) Row(cells ...string) {
	for i, cell := range cells {
		cells[i] = strings.Map(shown, strings.Join(strings.Fields(cell), " ")) // a reason may have lines of its own
	}
	fmt.Fprintf(t.columns, "  %s\n", strings.Join(cells, "\t"))
}

// shown replaces what would steer the terminal: cells hold what others wrote, such as the subject of a commit.
func shown(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return unicode.ReplacementChar
}

// Flush prints the rows, without the blanks that stand for empty cells at their ends.
func (t *Table) Flush() {
	_ = t.columns.Flush() // into memory
	for line := range strings.Lines(t.text.String()) {
		fmt.Fprintln(t.w, strings.TrimRight(line, " \n"))
	}
}
