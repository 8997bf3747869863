package cli

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cutover/cmd/internal/app"
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
  cutover status --watch 5s`,
		Args: argsOrBadInput(cobra.NoArgs),
	}
	out := outputFlag(cmd)
	path := configFlag(cmd)
	every := cmd.Flags().Duration("watch", 0, "show again every `interval` until interrupted")
	cmd.Flags().Lookup("watch").NoOptDefVal = "2s"
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return look(cmd.Context(), *path, func(a *app.App) error {
			for {
				reports, err := a.Look(cmd.Context())
				if err != nil {
					return err
				}
				if err := show(cmd.OutOrStdout(), *out, reports, printStatus); err != nil {
					return err
				}
				if *every == 0 || !wait(cmd.Context(), *every) {
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

// show prints reports as the output flag asks.
func show(w io.Writer, as output, reports []reconciler.Report, text func(io.Writer, reconciler.Report)) error {
	if as == asJSON {
		return printJSON(w, reports)
	}
	if len(reports) == 0 {
		fmt.Fprintln(w, "no branch migration/* exists: no migration has begun")
	}
	for _, r := range reports {
		text(w, r)
	}
	return nil
}

func printStatus(w io.Writer, r reconciler.Report) {
	fmt.Fprintf(w, "%s at %.10s, marker %s\n", r.Branch, r.Commit, r.Marker)
	if r.Error != "" {
		fmt.Fprintf(w, "  error: %s\n", r.Error)
	}
	fmt.Fprintf(w, "  %s: %s\n", r.Decision.Kind, r.Decision.Reason.Text)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range r.Steps {
		fmt.Fprintf(table, "  %s step %d\t%s\t%s\t%s\n", mark(s), s.Number, s.Phase, s.Title, s.Waiting)
	}
	if len(r.Services) > 0 {
		fmt.Fprintf(table, "\n  SERVICE\tCLASS\tVERSION\tREADY\tSTATUS\n")
	}
	for _, s := range r.Services {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\n", s.Service, s.Class, s.Version, yesNo(s.Ready), s.Status)
	}
	_ = table.Flush()
	fmt.Fprintln(w)
}

func mark(s phase.StepProgress) string {
	if s.Complete {
		return "✓"
	}
	return "·"
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
