package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"cutover/cmd/internal/app"
	"cutover/cmd/internal/show"
	"cutover/cmd/internal/term"
	"cutover/reconciler"
)

func statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how every migration stands",
		Long: `Asks the values repository and its host, Spinnaker, the clusters and, as far as the migration has
come, Vault, AWS, Alertmanager, Prometheus and the edge proxies how every migration stands. It prints
which invariants are broken, each step of the runbook, the weight at each proxy, what each check of
it says, and each service. It writes nothing, and needs no running daemon, but, from deploy on, the
daemon's journal: run it where the daemon keeps its state. Only if the values repository does not
answer does it print what the daemon on this machine saw last.

Before the first migration it only asks whether the clusters, Spinnaker and the git host answer.`,
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
		shown := false
		err := look(cmd.Context(), *path, func(a *app.App) error {
			for {
				if watch && term.IsTerminal(cmd.OutOrStdout()) {
					fmt.Fprint(cmd.OutOrStdout(), "\x1b[H\x1b[2J") // to the top of an empty screen
				}
				reports, err := looked(cmd, a, (*app.App).Look, *out, show.Status)
				shown = err == nil || len(reports) > 0
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
		if err != nil && !shown {
			lastSeen(cmd, *path, *out)
		}
		return err
	}
	return cmd
}

// lastSeen prints what the daemon of a configuration saw last, if it runs on this machine: without the values repository
// nothing can be looked at, and the traffic may be moving all the same.
func lastSeen(cmd *cobra.Command, config string, as output) {
	c, err := app.Load(config)
	if err != nil {
		return
	}
	host, port, _ := net.SplitHostPort(c.Listen) // Load has checked it
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	page := "/status"
	if as == asJSON {
		page = "/api/v1/migrations"
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+page, nil)
	if err != nil {
		return
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		fmt.Fprintf(cmd.ErrOrStderr(), "cutover: the daemon at %s saw this last:\n", c.Listen)
		_, _ = io.Copy(cmd.OutOrStdout(), answer.Body)
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// looks is a way to look at every migration.
type looks func(*app.App, context.Context) ([]reconciler.Report, error)

// looked looks once and prints how every migration stands, as the output flag asks. Its error tells of those that could
// not be looked at whole; they are printed as far as they are known.
func looked(cmd *cobra.Command, a *app.App, at looks, as output, text func(io.Writer, reconciler.Report)) ([]reconciler.Report, error) {
	reports, err := at(a, cmd.Context())
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
		show.All(cmd.OutOrStdout(), reports, text)
	}
	if len(reports) == 0 {
		return nil, a.Reach(cmd.Context())
	}
	for _, r := range reports {
		if r.Error != "" {
			return reports, fmt.Errorf("%s is shown as far as it could be read: its error stands above", r.Branch)
		}
	}
	return reports, nil
}
