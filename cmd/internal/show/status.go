// Package show prints how migrations stand, for people: it is what the commands and the daemon's /status say.
package show

import (
	"fmt"
	"io"
	"strings"

	"cutover/gitops/estate"
	"cutover/reconciler"
	"cutover/reconciler/phase"
)

// All prints every report as text does.
func All(w io.Writer, reports []reconciler.Report, text func(io.Writer, reconciler.Report)) {
	if len(reports) == 0 {
		fmt.Fprintln(w, "no migration has begun: there is no branch migration/*")
	}
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(w)
		}
		text(w, r)
	}
}

// indented is a text of several lines below a line that it goes on with.
func indented(s string) string { return strings.ReplaceAll(s, "\n", "\n    ") }

// heading says which commit was looked at, and what was decided.
func heading(w io.Writer, r reconciler.Report) {
	fmt.Fprint(w, r.Branch)
	if r.Commit != "" {
		fmt.Fprintf(w, " at %.10s", r.Commit)
	}
	if r.Marker.Phase != 0 {
		fmt.Fprintf(w, ", marker %s", r.Marker)
	}
	fmt.Fprintln(w)
	if r.Error != "" {
		fmt.Fprintf(w, "  error: %s\n", indented(r.Error))
	}
	if r.Decision.Kind != "" {
		fmt.Fprintf(w, "  %s (%s): %s\n", r.Decision.Kind, r.Decision.Reason.Code, r.Decision.Reason.Text)
	}
}

// Status prints what is broken, each step, the edge, and each service.
func Status(w io.Writer, r reconciler.Report) {
	heading(w, r)
	for _, b := range r.Breaches {
		fmt.Fprintf(w, "  broken: %s: %s\n", b.Name, indented(b.Text))
		if !b.Since.IsZero() {
			fmt.Fprintf(w, "    since %s\n", b.Since.UTC().Format(TimeFormat))
		}
		for _, object := range b.Objects {
			fmt.Fprintf(w, "    %s\n", object)
		}
	}
	steps := NewTable(w)
	for _, s := range r.Steps {
		waiting := s.Waiting
		if waiting == r.Decision.Reason.Text { // it stands above, and may be of many steps
			waiting = string(r.Decision.Reason.Code)
		}
		steps.Row(mark(s)+fmt.Sprintf(" step %d", s.Number), s.Phase.String(), s.Title, progress(s), waiting)
	}
	steps.Flush()
	edge(w, r)
	if len(r.Services) == 0 {
		return
	}
	fmt.Fprintln(w)
	services := NewTable(w)
	services.Row("SERVICE", "CLASS", "VERSION", "READY", "EXECUTION", "STATUS")
	for _, s := range r.Services {
		services.Row(s.Service.String(), s.Class.String(), s.Version.String(), ready(s), s.Execution, status(s))
	}
	services.Flush()
}

// edge says how the traffic is split, and how the weight fares.
func edge(w io.Writer, r reconciler.Report) {
	if len(r.Edge) == 0 {
		return
	}
	fmt.Fprintln(w)
	proxies := NewTable(w)
	proxies.Row("PROXY", "TO THE NEW CLUSTER")
	for _, p := range r.Edge {
		share := fmt.Sprintf("%d %%", p.Weight)
		if p.Unreachable != "" {
			share = "unknown, it does not answer: " + p.Unreachable
		}
		proxies.Row(p.Proxy, share)
	}
	proxies.Flush()
	if len(r.Checks) == 0 {
		return
	}
	fmt.Fprintln(w)
	checks := NewTable(w)
	checks.Row("CHECK", "VERDICT", "MEASURED")
	for _, c := range r.Checks {
		checks.Row(c.Name, string(c.Verdict), c.Reason)
	}
	checks.Flush()
}

func mark(s phase.StepProgress) string {
	if s.Complete {
		return "✓"
	}
	return "·"
}

func progress(s phase.StepProgress) string {
	if s.Total == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d", s.Done, s.Total)
}

func ready(s reconciler.ServiceReport) string {
	switch {
	case undeployed(s):
		return "-"
	case s.Ready:
		return "yes"
	default:
		return "no"
	}
}

func status(s reconciler.ServiceReport) string {
	if undeployed(s) {
		return "only in the old cluster until step 19"
	}
	return s.Status
}

// undeployed tells whether a service is not deployed because it may never run in both clusters.
func undeployed(s reconciler.ServiceReport) bool {
	return s.Class == estate.Exclusive && !s.Ready && s.Status == ""
}
