package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"cutover/cmd/internal/lab/scenario"
	"cutover/gitops/estate"
)

func (d *Demo) prepare(ctx context.Context) error {
	if err := d.start(ctx); err != nil {
		return err
	}
	if err := d.scenario.Hook(ctx, d.daemon); err != nil {
		return err
	}
	d.say("   the daemon runs: %s/api/v1/migrations, its configuration is %s\n", d.daemon.URL, d.daemon.Config)
	commit, err := d.scenario.Push(ctx, d.migration.Branch, "Begin the migration",
		estate.File{Path: d.migration.Path + "/README.md", Data: []byte("The move of " + d.migration.Product.String() + ".\n")})
	if err != nil {
		return err
	}
	d.say("   pushed %.10s, the first commit of %s\n", commit, d.migration.Branch)
	r, err := d.checkpoint(ctx, "prepare", 16, complete("prepare", 0))
	if err != nil {
		return err
	}
	d.say("   %d services read; prod2 stacks and values files generated and committed as %.10s:\n", len(d.estate.Services), r.Commit)
	data, err := d.scenario.Read(ctx, d.migration.Branch, d.migration.StacksPath())
	if err != nil {
		return err
	}
	d.say("%s", excerpt(d.migration.StacksPath(), data, 8))
	d.say("   %d pipelines created in Gate; decision: %s: %s\n", r.Total.PipelinesSaved, r.Decision.Kind, r.Decision.Reason.Text)
	return nil
}

func (d *Demo) deploy(ctx context.Context) error {
	r, err := d.checkpoint(ctx, "deploy", 12, deployed)
	if err != nil {
		return err
	}
	d.say("%s", d.table(r))
	return nil
}

// deployed tells whether phase deploy is complete.
func deployed(r scenario.Report) bool {
	return r.Marker.Phase == estate.Deploy.String() && r.Decision.Kind == "advance"
}

func (d *Demo) table(r scenario.Report) string {
	services := slices.Clone(r.Services)
	slices.SortStableFunc(services, func(a, b scenario.Service) int { return order(a.Class) - order(b.Class) })
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "   CLASS\tSERVICE\tVERSION\tREADY\tEXECUTION")
	exclusive := 0
	for _, s := range services {
		if s.Class == estate.Exclusive.String() {
			exclusive++
			continue
		}
		ready := "no"
		if s.Ready {
			ready = "yes"
		}
		fmt.Fprintf(table, "   %s\t%s/%s\t%s\t%s\t%s\n", s.Class, s.Service.Namespace, s.Service.Name, s.Version, ready, s.Execution)
	}
	_ = table.Flush() // into memory
	fmt.Fprintf(&b, "   %d of %d services deployed; %d exclusive ones are not: they never run in both clusters\n",
		len(services)-exclusive, len(services), exclusive)
	return b.String()
}

func order(class string) int {
	return slices.Index([]string{"stateless", "singleton", "stateful-client", "exclusive"}, class)
}

// edited is the service whose values somebody changes.
const edited = "profile"

func (d *Demo) commit(ctx context.Context) error {
	svc, ok := d.estate.Service(d.migration.Product, estate.Must(estate.ParseServiceName(edited)))
	if !ok {
		return fmt.Errorf("the sample has no service %s", edited)
	}
	path := svc.Path + "/values.yaml"
	data, err := d.scenario.Read(ctx, d.migration.Branch, path)
	if err != nil {
		return err
	}
	pushed := time.Now()
	commit, err := d.scenario.Push(ctx, d.migration.Branch, "Name the owner in "+edited+"'s Pods",
		estate.File{Path: path, Data: append(data, "podAnnotations:\n  orbit.example.com/on-call: \"#team-web\"\n"...)})
	if err != nil {
		return err
	}
	d.say("   pushed %.10s, which changes %s\n", commit, path)
	seen, err := d.daemon.Await(ctx, d.migration.Branch, func(r scenario.Report) bool { return r.Commit == commit })
	if err != nil {
		return err
	}
	d.say("   seen %s after the push began; services rendered for it: %d\n", seen.Pass.Started.Sub(pushed).Round(time.Millisecond), seen.Pass.Renders)
	if _, err := d.daemon.Await(ctx, d.migration.Branch, func(r scenario.Report) bool {
		return r.Commit == commit && deployed(r)
	}); err != nil {
		return err
	}
	d.say("   the new cluster runs it %s after the push\n", time.Since(pushed).Round(100*time.Millisecond))
	return nil
}

func (d *Demo) secondPass(ctx context.Context) error {
	if err := d.daemon.Stop(); err != nil {
		return err
	}
	if err := d.start(ctx); err != nil {
		return err
	}
	r, err := d.daemon.Await(ctx, d.migration.Branch, func(r scenario.Report) bool {
		return r.Pass.Done && deployed(r)
	})
	if err != nil {
		return err
	}
	d.say("   daemon restarted; its first pass looked at everything anew:\n")
	d.say("   %d pipelines saved, %d deployments, %d objects written\n", r.Total.PipelinesSaved, r.Total.Deployments, r.Total.ObjectsWritten)
	if r.Total.PipelinesSaved+r.Total.Deployments+r.Total.ObjectsWritten > 0 {
		return fmt.Errorf("the second pass changed something")
	}
	return nil
}

// start starts the daemon. The end of ctx does not kill it: Close asks it to end.
func (d *Demo) start(ctx context.Context) (err error) {
	d.daemon, err = d.scenario.Start(context.WithoutCancel(ctx), d.Binary, d.log)
	return err
}

// excerpt is the beginning of a file.
func excerpt(path string, data []byte, lines int) string {
	all := strings.SplitAfter(string(data), "\n")
	shown := strings.Join(all[:min(lines, len(all))], "")
	if len(all) > lines {
		shown += fmt.Sprintf("... %d more lines\n", len(all)-lines-1)
	}
	return indent(path + ":\n" + indent(shown))
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("   " + line)
	}
	return b.String()
}
