package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"cutover/cmd/internal/demo"
	"cutover/cmd/internal/lab"
)

func demoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show what cutover does, on the local lab",
		Long: `Starts the lab, loads a sample product with 78 services, and shows a migration from the first
marker to a running new stack. Then it keeps the lab up until it is interrupted.`,
		Example: `  cutover demo
  cutover demo --exit`,
		Args: argsOrBadInput(noArgs),
	}
	end := cmd.Flags().Bool("exit", false, "end when everything was shown")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		binary, err := os.Executable()
		if err != nil {
			return err
		}
		progress := newLabProgress(cmd.ErrOrStderr())
		l, err := lab.Start(cmd.Context(), lab.Options{Progress: progress.lab})
		progress.done()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		d, err := demo.Run(cmd.Context(), demo.Config{Lab: l, Binary: binary, Out: cmd.OutOrStdout()})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.Close()) }()
		if *end {
			return nil
		}
		fmt.Fprintf(cmd.OutOrStdout(), "\nThe lab and the daemon stay up; Ctrl-C stops them. Try:\n  %[1]s status -c %[2]s\n  %[1]s drift -c %[2]s\n", binary, d.ConfigFile())
		return l.Wait(cmd.Context())
	}
	return cmd
}
