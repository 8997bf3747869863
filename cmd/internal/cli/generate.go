package cli

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"cutover/generator"
	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/gitops/repo"
)

func generateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "generate DIR --out DIR",
		Short: "Write the generated values files and pipelines, offline",
		Long: `Reads a values repository and writes what the daemon would generate from it below --out: the
files of each migration's new stack at their paths in the repository, and every pipeline as
pipelines/<application>/<name>.json. The same input always gives the same bytes.

Nothing is written unless everything could be generated. Other files below --out are left alone, so
begin with an empty directory to see what the daemon would delete.`,
		Example: `  cutover generate . --out /tmp/generated
  cutover generate . --migration eks --repository https://git.example.com/values.git --out /tmp/generated`,
		Args: argsOrBadInput(oneArg("DIR")),
	}
	var (
		out        = outputFlag(cmd)
		dir        = cmd.Flags().String("out", "", "`directory` to write to")
		migration  = cmd.Flags().String("migration", "", "`name` of the only migration to generate for (default all)")
		repository = cmd.Flags().String("repository", "https://git.example.com/values.git", "`URL` of the values repository, for the artifacts of the pipelines")
		base       = cmd.Flags().String("base", "main", "`branch` that is the truth for the stacks that no migration added")
	)
	_ = cmd.MarkFlagRequired("out")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		e, err := readEstate(args[0])
		if err != nil {
			return err
		}
		migrations := e.Migrations
		if *migration != "" {
			m, err := findMigration(e, *migration)
			if err != nil {
				return err
			}
			migrations = []estate.Migration{m}
		}
		g, err := generateAll(e, migrations, generator.Options{Estate: repo.Name(*repository), Repository: *repository, Base: *base})
		if err != nil {
			return badInput(err)
		}
		for _, warning := range g.warnings {
			fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+warning)
		}
		if err := writeFiles(*dir, g.files); err != nil {
			return err
		}
		if *out == asJSON {
			return printJSON(cmd.OutOrStdout(), g.summary(*dir))
		}
		s := g.summary(*dir)
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s of %s, %s\n", s.Dir,
			counted(s.Files, "file"), counted(len(migrations), "new stack"), counted(s.Pipelines, "pipeline"))
		return nil
	}
	return cmd
}

// generated is everything that is generated from an estate.
type generated struct {
	files     []estate.File
	pipelines int
	warnings  []string
}

type generateSummary struct {
	Dir       string   `json:"dir"`
	Files     int      `json:"files"`
	Pipelines int      `json:"pipelines"`
	Warnings  []string `json:"warnings,omitempty"`
}

func (g *generated) summary(dir string) generateSummary {
	return generateSummary{Dir: dir, Files: len(g.files) - g.pipelines, Pipelines: g.pipelines, Warnings: g.warnings}
}

func generateAll(e *estate.Estate, migrations []estate.Migration, o generator.Options) (*generated, error) {
	g := &generated{}
	for _, m := range migrations {
		expanded, files, err := generator.Expand(e, m)
		if err != nil {
			return nil, err
		}
		e = expanded
		g.files = append(g.files, files.Write...)
		g.warnings = append(g.warnings, files.Warnings...)
	}
	for _, product := range e.Products {
		for _, stack := range product.Stacks {
			pipelines, err := generator.Pipelines(e, product.Name, stack.Name, o)
			if err != nil {
				return nil, err
			}
			for _, p := range pipelines {
				g.files = append(g.files, estate.File{Path: pipelinePath(p.Document), Data: pipeline.Canonical(p.Document)})
			}
			g.pipelines += len(pipelines)
		}
	}
	return g, nil
}

// pipelinePath is where a pipeline is written. Its name is free text that may hold a slash.
func pipelinePath(d pipeline.Document) string {
	return path.Join("pipelines", d.Application(), strings.ReplaceAll(d.Name(), "/", "%2F")+".json")
}

func writeFiles(dir string, files []estate.File) error {
	// A root keeps every path inside dir, whatever a name in the repository tries.
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range files {
		name := filepath.FromSlash(f.Path)
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := root.WriteFile(name, f.Data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
