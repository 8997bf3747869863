package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"cutover/cmd/internal/lab"
)

func labCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "Run the local lab: real servers on this machine",
		Long: `Starts two Kubernetes control planes, a git server, Vault, HAProxy, Prometheus, Alertmanager and
stand-ins for AWS and Spinnaker's Gate on the loopback interface, and keeps them up until it is
interrupted. What is missing is built once into a cache, which takes about 15 minutes on two cores.`,
		Example: `  cutover lab
  cutover lab exec -- go test ./...`,
		Args: argsOrBadInput(noArgs),
	}
	out := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		progress := newLabProgress(cmd.ErrOrStderr())
		l, err := lab.Start(cmd.Context(), lab.Options{Progress: progress.lab})
		progress.done()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		if *out == asJSON {
			if err := printJSON(cmd.OutOrStdout(), l.Description()); err != nil {
				return err
			}
		} else {
			fmt.Fprintln(cmd.OutOrStdout(), l.Describe())
			fmt.Fprintln(cmd.OutOrStdout(), "The lab is up. Ctrl-C stops it.")
		}
		return l.Wait(cmd.Context())
	}
	cmd.AddCommand(labExecCommand())
	return cmd
}

func labExecCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exec -- COMMAND [ARGS...]",
		Short: "Run a command with a lab, then stop the lab",
		Long: `Starts a lab, runs the command with CUTOVER_LAB set to the file that describes the lab, stops the
lab, and exits with the command's exit code.`,
		Example: `  cutover lab exec -- go test ./reconciler/...`,
		Args: argsOrBadInput(func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("name the command to run, after --")
			}
			return nil
		}),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		progress := newLabProgress(cmd.ErrOrStderr())
		code, err := lab.Exec(cmd.Context(), lab.Options{Progress: progress.lab}, args)
		progress.done()
		if err != nil {
			return err
		}
		if code != 0 {
			return &exit{code: code}
		}
		return nil
	}
	return cmd
}
