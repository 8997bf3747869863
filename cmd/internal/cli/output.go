package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// output is the -o flag: text for people, json for programs.
type output string

const (
	asText output = "text"
	asJSON output = "json"
)

func (o *output) String() string { return string(*o) }
func (o *output) Type() string   { return "format" }

// Set reads the flag.
func (o *output) Set(s string) error {
	switch output(s) {
	case asText, asJSON:
		*o = output(s)
		return nil
	}
	return fmt.Errorf("%q is none of text, json", s)
}

func outputFlag(cmd *cobra.Command) *output {
	o := asText
	cmd.Flags().VarP(&o, "output", "o", "`format` of the output: text or json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return &o
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// counted is a number and what it counts: 1 service, 2 services.
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// table prints rows in columns, below a heading.
type table struct {
	w       io.Writer
	text    bytes.Buffer
	columns *tabwriter.Writer
}

func newTable(w io.Writer) *table {
	t := &table{w: w}
	t.columns = tabwriter.NewWriter(&t.text, 0, 0, 2, ' ', 0)
	return t
}

func (t *table) row(cells ...string) {
	for i, cell := range cells {
		cells[i] = strings.Join(strings.Fields(cell), " ") // a reason may have lines of its own
	}
	fmt.Fprintf(t.columns, "  %s\n", strings.Join(cells, "\t"))
}

// flush prints the rows, without the blanks that stand for empty cells at their ends.
func (t *table) flush() {
	_ = t.columns.Flush() // into memory
	for line := range strings.Lines(t.text.String()) {
		fmt.Fprintln(t.w, strings.TrimRight(line, " \n"))
	}
}
