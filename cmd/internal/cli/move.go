package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"cutover/cmd/internal/app"
	"cutover/gitops/estate"
	"cutover/reconciler"
)

const movesByReview = `

It opens a pull request, or finds the open one, and prints where it is. Nothing moves before a person
merges it.`

func advanceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "advance MIGRATION",
		Short: "Propose the next checkpoint of a migration",
		Long: `Proposes the next checkpoint, if everything up to the present one is done and healthy. The daemon does
the same by itself.` + movesByReview,
		Example: `  cutover advance eks -c config.yaml`,
		Args:    argsOrBadInput(oneArg("MIGRATION")),
	}
	return moving(cmd, func() (reconciler.Move, error) { return reconciler.Move{Advance: true}, nil })
}

func rollbackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollback MIGRATION --to CHECKPOINT",
		Short: "Propose to go back to an earlier checkpoint",
		Long: `Proposes to go back: prepare, deploy, freeze, or a weight of the canary. What later checkpoints did is
undone in reverse order, the traffic first.` + movesByReview,
		Example: `  cutover rollback eks --to "canary 5" -c config.yaml
  cutover rollback eks --to freeze`,
		Args: argsOrBadInput(oneArg("MIGRATION")),
	}
	to := cmd.Flags().String("to", "", "the `checkpoint` to go back to: prepare, deploy, freeze, or canary and a weight in percent")
	return moving(cmd, func() (reconciler.Move, error) {
		at, err := parseCheckpoint(*to)
		return reconciler.Move{Back: &at}, err
	})
}

func pauseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pause MIGRATION --reason TEXT",
		Short: "Propose that a migration stands still",
		Long: `Proposes that the migration stands still where it is. What it has reached is kept up: the freeze, the
silence and the weights at the edge; a weight that fails its checks is still taken back.` + movesByReview,
		Example: `  cutover pause eks --reason "release day" -c config.yaml`,
		Args:    argsOrBadInput(oneArg("MIGRATION")),
	}
	reason := cmd.Flags().String("reason", "", "why it is to stand still, for everybody who looks")
	return moving(cmd, func() (reconciler.Move, error) {
		if strings.TrimSpace(*reason) == "" {
			return reconciler.Move{}, badInput(fmt.Errorf("say why: --reason TEXT"))
		}
		return reconciler.Move{Pause: *reason}, nil
	})
}

func resumeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "resume MIGRATION",
		Short:   "Propose that a paused migration goes on",
		Long:    `Proposes that a paused migration goes on from where it stands.` + movesByReview,
		Example: `  cutover resume eks -c config.yaml`,
		Args:    argsOrBadInput(oneArg("MIGRATION")),
	}
	return moving(cmd, func() (reconciler.Move, error) { return reconciler.Move{Resume: true}, nil })
}

// moving completes a command that proposes a move.
func moving(cmd *cobra.Command, move func() (reconciler.Move, error)) *cobra.Command {
	out := outputFlag(cmd)
	path := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		m, err := move()
		if err != nil {
			return err
		}
		return look(cmd.Context(), *path, func(a *app.App) error {
			p, err := a.Propose(cmd.Context(), args[0], m)
			var misnamed *reconciler.MisnamedError
			if errors.As(err, &misnamed) {
				return badInput(err)
			}
			if err != nil {
				return err
			}
			if *out == asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]any{"number": p.Number, "url": p.URL, "title": p.Title, "head": p.Head, "base": p.Base})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "pull request #%d: %s\n%s\n", p.Number, p.Title, p.URL)
			return nil
		})
	}
	return cmd
}

// parseCheckpoint reads "freeze", "canary 5" or "canary 5%".
func parseCheckpoint(s string) (estate.Marker, error) {
	fields := strings.Fields(s)
	if len(fields) == 0 || len(fields) > 2 {
		return estate.Marker{}, badInput(fmt.Errorf("--to %q is no checkpoint: give prepare, deploy, freeze, or canary and a weight, such as \"canary 5\"", s))
	}
	p, err := estate.ParsePhase(fields[0])
	if err != nil {
		return estate.Marker{}, badInput(err)
	}
	at := estate.Marker{Phase: p}
	if p != estate.Canary && len(fields) == 1 {
		return at, nil
	}
	if p != estate.Canary || len(fields) == 1 {
		return at, badInput(fmt.Errorf("--to %q: phase canary has a weight, such as \"canary 5\", and no other phase has", s))
	}
	at.Weight, err = strconv.Atoi(strings.TrimSuffix(fields[1], "%"))
	if err != nil {
		return at, badInput(fmt.Errorf("--to %q: the weight is no number", s))
	}
	return at, nil
}
