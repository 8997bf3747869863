package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// argsOrBadInput makes a wrong number of arguments, and a required flag that is not given, bad input.
func argsOrBadInput(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return badInput(seeHelp(cmd, err))
		}
		// Cobra checks this later, but its error cannot be told from that of a command.
		if err := cmd.ValidateRequiredFlags(); err != nil {
			return badInput(seeHelp(cmd, err))
		}
		return nil
	}
}

// seeHelp adds to a complaint about the command line where it is described.
func seeHelp(cmd *cobra.Command, err error) error {
	return fmt.Errorf("%w (see '%s --help')", err, cmd.CommandPath())
}

// noArgs also answers for an unknown command, which is an argument to the one above it.
func noArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case !cmd.HasSubCommands():
		return fmt.Errorf("the command takes no argument, but was given %q", args[0])
	}
	err := fmt.Errorf("there is no command %q", args[0])
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		err = fmt.Errorf("%w: do you mean %s?", err, strings.Join(similar, " or "))
	}
	return err
}

// oneArg wants a single argument, named as in the command's usage.
func oneArg(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("the command takes one argument, %s, but was given %d", name, len(args))
		}
		return nil
	}
}
