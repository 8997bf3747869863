// Package cli is the commands of cutover. Each is a thin file: it reads flags, calls the package that does the
// work, and prints.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// The exit codes that a command ends with.
const (
	exitOK          = 0
	exitError       = 1
	exitBadInput    = 2
	exitDifferences = 3
)

// exit is an error that chooses the exit code. An empty message prints nothing more.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// badInput marks an error as the fault of what the user gave.
func badInput(err error) error {
	if err == nil {
		return nil
	}
	return &exit{exitBadInput, err}
}

// Run performs one command and returns the process's exit code: 0 success, 1 an error, 2 bad input, 3 differences
// found.
func Run(ctx context.Context, args []string, s Streams, version string) int {
	root := rootCommand(version) //nolint:contextcheck // the commands get it from ExecuteContext
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(s.Err, "cutover: "+text)
	}
	var chosen *exit
	if errors.As(err, &chosen) {
		return chosen.code
	}
	return exitError
}

func rootCommand(version string) *cobra.Command {
	root := &cobra.Command{
		Use:   "cutover",
		Short: "Move a product from one Kubernetes cluster to another by reviewed pull requests",
		Long: `Cutover moves a product from one Kubernetes cluster to another as a sequence of reviewed
pull requests, with no downtime and a way back.

Exit codes: 0 success, 1 an error, 2 bad input, 3 differences found (plan and drift, with --exit-code).`,
		SilenceUsage:  true,
		SilenceErrors: true,

		SuggestionsMinimumDistance: 2,
	}
	group(root)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return badInput(seeHelp(cmd, err))
	})
	root.AddCommand(
		daemonCommand(),
		validateCommand(),
		generateCommand(),
		renderCommand(),
		planCommand(),
		driftCommand(),
		advanceCommand(),
		rollbackCommand(),
		pauseCommand(),
		resumeCommand(),
		statusCommand(),
		historyCommand(),
		labCommand(),
		demoCommand(),
		versionCommand(version),
	)
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			group(cmd)
		}
	}
	return root
}

// group makes a command that only has others below it print its help, and take an unknown one for bad input.
func group(cmd *cobra.Command) {
	cmd.Args = argsOrBadInput(noArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}
