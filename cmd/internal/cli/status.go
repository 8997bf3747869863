package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cutover/cmd/internal/app"
	"cutover/cmd/internal/term"
	"cutover/gitops/estate"
	"cutover/reconciler"
	"cutover/reconciler/phase"
)

func statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how every migration stands",
		Long: `Asks the values repository, Spinnaker and the clusters how every migration stands, and prints each
step of the runbook and each service. It writes nothing, and needs no running daemon.`,
		Example: `  cutover status -c config.yaml
  cutover status --watch=5s`,
		Args: argsOrBadInput(noArgs),
	}
	out := outputFlag(cmd)
	path := configFlag(cmd)
	every := cmd.Flags().Duration("watch", 0, "show again every `interval`, at least 1s, until interrupted; --watch alone means 2s")
	cmd.Flags().Lookup("watch").NoOptDefVal = "2s"
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		watch := cmd.Flags().Changed("watch")
		if watch && *every < time.Second {
			return badInput(fmt.Errorf("--watch=%s is less than a second", *every))
		}
		return look(cmd.Context(), *path, func(a *app.App) error {
			for {
				if watch && term.IsTerminal(cmd.OutOrStdout()) {
					fmt.Fprint(cmd.OutOrStdout(), "\x1b[H\x1b[2J") // to the top of an empty screen
				}
				_, err := show(cmd, a, *out, printStatus)
				if !watch {
					return err
				}
				if err != nil && cmd.Context().Err() == nil {
					fmt.Fprintf(cmd.ErrOrStderr(), "cutover: %v\n", err)
				}
				if !wait(cmd.Context(), *every) {
					return nil
				}
			}
		})
	}
	return cmd
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// show looks once and prints how every migration stands, as the output flag asks. Its error tells of those that could
// not be looked at whole; they are printed as far as they are known.
func show(cmd *cobra.Command, a *app.App, as output, text func(io.Writer, reconciler.Report)) ([]reconciler.Report, error) {
	reports, err := a.Look(cmd.Context())
	if err != nil && len(reports) == 0 {
		return nil, err
	}
	if as == asJSON {
		if reports == nil {
			reports = []reconciler.Report{}
		}
		if err := printJSON(cmd.OutOrStdout(), reports); err != nil {
			return nil, err
		}
	} else {
		printAll(cmd.OutOrStdout(), reports, text)
	}
	for _, r := range reports {
		if r.Error != "" {
			return reports, fmt.Errorf("%s is shown as far as it could be read: its error stands above", r.Branch)
		}
	}
	return reports, nil
}

func printAll(w io.Writer, reports []reconciler.Report, text func(io.Writer, reconciler.Report)) {
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

// printHeading says which commit was looked at, and what was decided.
func printHeading(w io.Writer, r reconciler.Report) {
	fmt.Fprint(w, r.Branch)
	if r.Commit != "" {
		fmt.Fprintf(w, " at %.10s", r.Commit)
	}
	if r.Marker.Phase != 0 {
		fmt.Fprintf(w, ", marker %s", r.Marker)
	}
	fmt.Fprintln(w)
	if r.Error != "" {
		fmt.Fprintf(w, "  error: %s\n", strings.ReplaceAll(r.Error, "\n", "\n    "))
	}
	if r.Decision.Kind != "" {
		fmt.Fprintf(w, "  %s (%s): %s\n", r.Decision.Kind, r.Decision.Reason.Code, r.Decision.Reason.Text)
	}
}

func printStatus(w io.Writer, r reconciler.Report) {
	printHeading(w, r)
	steps := newTable(w)
	for _, s := range r.Steps {
		steps.row(mark(s)+fmt.Sprintf(" step %d", s.Number), s.Phase.String(), s.Title, progress(s), s.Waiting)
	}
	steps.flush()
	if len(r.Services) == 0 {
		return
	}
	fmt.Fprintln(w)
	services := newTable(w)
	services.row("SERVICE", "CLASS", "VERSION", "READY", "STATUS")
	for _, s := range r.Services {
		services.row(s.Service.String(), s.Class.String(), s.Version.String(), ready(s), status(s))
	}
	services.flush()
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
