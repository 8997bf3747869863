package show

import (
	"fmt"
	"io"

	"cutover/reconciler"
)

// Plan prints the effects that come next.
func Plan(w io.Writer, r reconciler.Report) {
	heading(w, r)
	actions := NewTable(w)
	for _, a := range r.Decision.Actions {
		actions.Row(fmt.Sprintf("step %d", a.Step), string(a.Verb), a.Target, a.Reason, "undo: "+a.Undo)
	}
	actions.Flush()
	if counts := r.Drift.Counts(); counts.Drifted() {
		fmt.Fprintf(w, "  drift: %s\n", counts)
	}
}
