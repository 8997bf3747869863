package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"cutover/cmd/internal/demo"
	"cutover/cmd/internal/lab"
)

func demoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show what cutover does, on the local lab",
		Long: `Starts the lab, loads a sample product with 78 services, and shows its migration by pull requests:
prepare, deploy, freeze, the canary from 1 % to 100 % while requests go through the edge proxies and
are counted, and the way back. Then it keeps the lab up until it is interrupted.`,
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
		fmt.Fprintf(cmd.OutOrStdout(), "\nThe lab and the daemon stay up; Ctrl-C stops them. Try:\n  export %[3]s\n  %[1]s status -c %[2]s\n  %[1]s drift -c %[2]s\n",
			binary, d.ConfigFile(), strings.Join(d.Env(), " "))
		return l.Wait(cmd.Context())
	}
	return cmd
}
