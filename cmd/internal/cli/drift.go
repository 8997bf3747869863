package cli

import (
	"github.com/spf13/cobra"

	"cutover/cmd/internal/app"
	"cutover/cmd/internal/show"
	"cutover/reconciler"
)

func driftCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drift",
		Short: "Show what changed on the old side, and in the new cluster",
		Long: `Shows two things. What the old side has and the new one has not, so that it is brought over by step 9
at the latest: services of which the old cluster runs another version, commits of the base branch and
conflicts with them, secrets by path and key, roles, pipelines and generated files. And how the
objects of every deployed service in the new cluster differ from the migration's branch, as diffs with
credentials masked. It writes nothing.`,
		Example: `  cutover drift -c config.yaml
  cutover drift --exit-code`,
		Args: argsOrBadInput(noArgs),
	}
	return looking(cmd, (*app.App).LookBehind, show.Drift, func(r reconciler.Report) bool {
		return r.Drift.Counts().Drifted() || r.Resync != nil && !r.Resync.Empty()
	})
}
