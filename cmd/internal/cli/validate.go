package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cutover/gitops/values"
)

func validateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate DIR",
		Short: "Check a values repository",
		Long: `Reads a values repository and prints everything that is wrong with it, one line each:
file:line: message. Exits with 2 if there is anything.

With --schema it prints the JSON Schema of one kind of file instead, for editors.`,
		Example: `  cutover validate .
  cutover validate --schema service > service.schema.json`,
	}
	out := outputFlag(cmd)
	schema := cmd.Flags().String("schema", "", "print the JSON Schema of `NAME`: "+strings.Join(values.SchemaNames(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("schema", cobra.FixedCompletions(values.SchemaNames(), cobra.ShellCompDirectiveNoFileComp))
	cmd.Args = argsOrBadInput(func(cmd *cobra.Command, args []string) error {
		if *schema != "" {
			return noArgs(cmd, args)
		}
		return oneArg("DIR")(cmd, args)
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *schema != "" {
			text, err := values.Schema(*schema)
			if err != nil {
				return badInput(err)
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		}
		tree, err := openTree(args[0])
		if err != nil {
			return err
		}
		e, problems := new(values.Reader).ReadAt(tree, time.Now())
		if *out == asJSON {
			if problems == nil {
				problems = values.Problems{}
			}
			if err := printJSON(cmd.OutOrStdout(), problems); err != nil {
				return err
			}
		} else {
			for _, p := range problems {
				fmt.Fprintln(cmd.OutOrStdout(), p)
			}
		}
		if len(problems) > 0 {
			return badInput(fmt.Errorf("%s has %s", args[0], counted(len(problems), "problem")))
		}
		if *out == asText {
			fmt.Fprintf(cmd.OutOrStdout(), "%s is valid: %s, %s, %s\n", args[0],
				counted(len(e.Products), "product"), counted(len(e.Services), "service"), counted(len(e.Migrations), "migration"))
		}
		return nil
	}
	return cmd
}
