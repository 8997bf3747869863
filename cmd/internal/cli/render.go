package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"helm.sh/helm/v3/pkg/strvals"
	"sigs.k8s.io/yaml"

	"cutover/generator"
	"cutover/gitops/estate"
	"cutover/reconciler/manifest"
	"cutover/reconciler/object"
)

func renderCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "render DIR --service NAME --stack NAME",
		Short: "Print the manifests of a service in a stack",
		Long: `Renders one service of a values repository in one stack: the objects that 'helm template' gives
for each chart, in the order in which they are applied. A stack that a migration adds can be
rendered before its files are committed.

Charts of cutover.yaml that are in a registry (oci://) are pulled, with the log-in of 'helm registry
login' or 'docker login', and kept in the user's cache directory.`,
		Example: `  cutover render . --service api --stack prod --set version=1.4.2
  cutover render . --service core/api --stack prod2 --set replicas=2 -o json`,
		Args: argsOrBadInput(oneArg("DIR")),
	}
	var (
		out     = outputFlag(cmd)
		service = cmd.Flags().String("service", "", "`name` of the service, as namespace/name or product/namespace/name where the name alone is not unique")
		stack   = cmd.Flags().String("stack", "", "`name` of the stack")
		plain   = cmd.Flags().StringSlice("plain-http", nil, "`host` of a chart registry that is spoken to without TLS")
		set     = cmd.Flags().StringArray("set", nil, "`path=value` that overrides the values files, as in helm; the image version is version=V")
	)
	_ = cmd.MarkFlagRequired("service")
	_ = cmd.MarkFlagRequired("stack")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		e, err := readEstate(args[0])
		if err != nil {
			return err
		}
		if e, err = withCharts(cmd.Context(), e, *plain); err != nil {
			return err
		}
		for _, m := range e.Migrations {
			if e, _, err = generator.Expand(e, m); err != nil {
				return badInput(err)
			}
		}
		objects, err := renderService(e, *service, *stack, *set)
		if err != nil {
			return badInput(err)
		}
		if *out == asJSON {
			return printJSON(cmd.OutOrStdout(), objects)
		}
		for _, o := range objects {
			text, err := yaml.Marshal(o.Object)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "---\n%s", text)
		}
		return nil
	}
	return cmd
}

func renderService(e *estate.Estate, service, stack string, set []string) ([]object.Object, error) {
	s, err := findService(e, service)
	if err != nil {
		return nil, err
	}
	name, err := estate.ParseStackName(stack)
	if err != nil {
		return nil, err
	}
	st, ok := s.Stack(name)
	if !ok {
		return nil, fmt.Errorf("%s has no stack %s: it has %s", s.ServiceID, stack, stackNames(s))
	}
	overrides, err := parseSet(set)
	if err != nil {
		return nil, err
	}
	version := st.Version
	if v, ok := overrides["version"]; ok {
		if version, err = estate.ParseVersion(fmt.Sprint(v)); err != nil {
			return nil, err
		}
		delete(overrides, "version")
	}
	if version.IsZero() {
		return nil, fmt.Errorf("no version is pinned for %s in %s: give one with --set version=V", s.ServiceID, stack)
	}
	in, err := manifest.NewInput(e, s, st, version, manifest.Capabilities{})
	if err != nil {
		return nil, err
	}
	in.Values = append(in.Values, overrides)
	return manifest.Render(in)
}

// parseSet reads overrides as helm does. The version stays a string, whatever it looks like.
func parseSet(set []string) (map[string]any, error) {
	out := map[string]any{}
	for _, s := range set {
		parse := strvals.ParseInto
		if strings.HasPrefix(s, "version=") {
			parse = strvals.ParseIntoString
		}
		if err := parse(s, out); err != nil {
			return nil, fmt.Errorf("--set %s: %w", s, err)
		}
	}
	return out, nil
}

func stackNames(s estate.Service) string {
	names := make([]string, 0, len(s.Stacks))
	for _, st := range s.Stacks {
		names = append(names, st.Name.String())
	}
	return strings.Join(names, ", ")
}
