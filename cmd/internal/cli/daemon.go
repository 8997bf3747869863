package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"cutover/cmd/internal/app"
)

func configFlag(cmd *cobra.Command) *string {
	path := cmd.Flags().StringP("config", "c", "/etc/cutover/config.yaml", "configuration `file`")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	return path
}

func daemonCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "daemon",
		Short: "Watch the values repository and bring the world to what it says",
		Long: `Runs until it is stopped: watches the values repository and brings each migration to where its
marker stands, and no further. It looks at the new cluster, copies secrets, generates the new stack,
adds trust to roles, saves pipelines, deploys services and has them tested; it freezes the old stack,
brings over what changed, silences alarms, and moves the traffic at the edge proxies by weights. What
it has reached it keeps up, a weight that fails goes back by itself, and each next checkpoint is a
pull request that it opens and a person merges.

/healthz, /readyz, /metrics and /api/v1/migrations say how it stands. It may be killed at any moment:
the next start looks at the world and goes on.`,
		Example: `  cutover daemon --config config.yaml`,
		Args:    argsOrBadInput(noArgs),
	}
	path := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		config, err := app.Load(*path)
		if err != nil {
			return badInput(err)
		}
		log := newLogger(cmd.ErrOrStderr(), config.Log)
		adoptLibraries(log)
		a, err := app.New(cmd.Context(), config, log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, a.Close()) }()
		return a.Run(cmd.Context())
	}
	return cmd
}

func newLogger(w io.Writer, c app.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // Load has checked it
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// adoptLibraries makes log the logger of the libraries that have only a global one: Kubernetes' client has klog's, and
// Helm that of the package log.
func adoptLibraries(log *slog.Logger) {
	klog.SetSlogLogger(log.With("library", "client-go"))
	slog.SetDefault(log)
}

// look reads the configuration, connects, and calls f with the assembled program.
func look(ctx context.Context, path string, f func(*app.App) error) (err error) {
	config, err := app.Load(path)
	if err != nil {
		return badInput(err)
	}
	log := slog.New(slog.DiscardHandler)
	adoptLibraries(log)
	a, err := app.NewOnce(ctx, config, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return f(a)
}
