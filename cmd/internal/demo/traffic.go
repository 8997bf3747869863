package demo

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"text/tabwriter"
	"time"

	"cutover/cmd/internal/lab/load"
	"cutover/gitops/estate"
	"cutover/reconciler/contract/labtest"
)

// rate is how many requests the load source sends in a second, through all proxies together.
const rate = 1200

// leastRequests is how many requests the demo sends before it is content.
const leastRequests = 50_000

// changes is what developers do to the old cluster between prepare and freeze.
func (d *Demo) changes(ctx context.Context) error {
	targets := []string{}
	for _, p := range d.scenario.Edge.Proxies {
		targets = append(targets, p.Frontend+"/")
	}
	var err error
	// The end of ctx does not stop it: Close does, after the daemon.
	if d.load, err = load.Start(context.WithoutCancel(ctx), load.Config{Targets: targets, Concurrency: 12, Rate: rate}); err != nil {
		return err
	}
	d.say("   from now on %d requests a second go through the three proxies\n", rate)
	const released = "2031.7.1"
	id, err := d.scenario.Trigger(ctx, edited, "deploy-prod", released)
	if err != nil {
		return fmt.Errorf("deploy %s: %w", edited, err)
	}
	svc, _ := d.estate.Service(d.migration.Product, estate.Must(estate.ParseServiceName(edited)))
	path := svc.Path + "/prod-values.yaml"
	data, err := d.scenario.Read(ctx, "main", path)
	if err != nil {
		return err
	}
	if _, err := d.scenario.Push(ctx, "main", "A tier for "+edited,
		estate.File{Path: path, Data: append(data, "podAnnotations: {orbit.example.com/tier: web}\n"...)}); err != nil {
		return err
	}
	if err := d.scenario.ChangeSecret(ctx, d.estate, d.migration, "core/api-db", "password", d.scenario.Planted+"rotated"); err != nil {
		return fmt.Errorf("rotate a password: %w", err)
	}
	shared, err := d.scenario.Read(ctx, "main", svc.Path+"/values.yaml")
	if err != nil {
		return err
	}
	number, err := d.scenario.Offer(ctx, "dev/late", "main", "A late change of "+edited,
		estate.File{Path: svc.Path + "/values.yaml", Data: append(shared, "podAnnotations: {orbit.example.com/late: \"yes\"}\n"...)})
	if err != nil {
		return err
	}
	d.late = number
	d.say("   a developer deploys %s %s to the old cluster (execution %s), changes its values on main,\n   rotates a password in Vault, and has pull request #%d open\n", edited, released, id, number)
	if err := d.scenario.AwaitExecution(ctx, id); err != nil {
		return fmt.Errorf("deploy %s: %w", edited, err)
	}
	return d.cutover(ctx, "drift")
}

// cutover runs a command of the program beside the daemon, and shows what it prints.
func (d *Demo) cutover(ctx context.Context, args ...string) error {
	command := exec.CommandContext(ctx, d.Binary, append(args, "-c", d.daemon.Config)...)
	command.Env = append(command.Environ(), d.scenario.Env()...)
	out, err := command.CombinedOutput()
	d.say("   $ cutover %s\n%s", strings.Join(args, " "), indent(indent(string(out))))
	return err
}

func (d *Demo) freeze(ctx context.Context) error {
	r, err := d.checkpoint(ctx, "freeze", 14, complete("freeze", 0))
	if err != nil {
		return err
	}
	for _, s := range r.Services {
		if s.Service.Name == edited {
			d.say("   the new cluster runs %s %s, too\n", edited, s.Version)
		}
	}
	_, err = d.scenario.Trigger(ctx, edited, "deploy-prod", "2031.7.2")
	if err == nil {
		return fmt.Errorf("a frozen pipeline started")
	}
	d.say("   a developer starts deploy-prod all the same: %v\n", err)
	head, err := d.scenario.Head(ctx, "dev/late")
	if err != nil {
		return err
	}
	statuses, err := d.scenario.Statuses(ctx, head)
	if err != nil {
		return err
	}
	for _, s := range statuses {
		if strings.HasSuffix(s.Context, "/frozen") {
			d.say("   pull request #%d: %s %s: %s\n", d.late, s.Context, s.State, s.Description)
			return nil
		}
	}
	return fmt.Errorf("pull request #%d carries no status of the freeze", d.late)
}

// share is what the clusters answered while one weight stood.
type share struct {
	weight int
	load.Snapshot
}

func (d *Demo) canary(ctx context.Context) error {
	var shares []share
	for _, step := range d.migration.Edge.Steps {
		if _, err := d.checkpoint(ctx, fmt.Sprintf("canary-%d", step.Weight), 0, complete("canary", step.Weight)); err != nil {
			return err
		}
		// Counted once the weight stands: the bake was for the daemon's own checks.
		before := d.load.Snapshot()
		if err := d.requests(ctx, before.Total+2*rate); err != nil {
			return err
		}
		shares = append(shares, share{step.Weight, d.load.Snapshot().Since(before)})
	}
	if err := d.requests(ctx, leastRequests); err != nil {
		return err
	}
	d.shares(shares)
	all := d.load.Snapshot()
	d.say("   %d requests in all, %d failed%s\n", all.Total, all.Failed, because(all.Reasons))
	if all.Failed > 0 {
		return fmt.Errorf("%d of %d requests failed", all.Failed, all.Total)
	}
	return nil
}

// requests waits until so many were sent.
func (d *Demo) requests(ctx context.Context, total int64) error {
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		if d.load.Snapshot().Total >= total {
			tick.Stop()
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return ctx.Err()
		}
	}
}

func (d *Demo) shares(list []share) {
	from, to := d.scenario.Edge.Upstreams[labtest.Old].Cluster, d.scenario.Edge.Upstreams[labtest.New].Cluster
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "WEIGHT\tREQUESTS\t%s\t%s\tFAILED\t\n", from, to)
	for _, s := range list {
		fmt.Fprintf(table, "%d %%\t%d\t%.1f %%\t%.1f %%\t%d\t\n", s.weight, s.Total, s.Share(from), s.Share(to), s.Failed)
	}
	_ = table.Flush() // into memory
	d.say("%s", indent(b.String()))
}

func (d *Demo) rollback(ctx context.Context) error {
	if err := d.cutover(ctx, "rollback", d.migration.Name.String(), "--to", "freeze"); err != nil {
		return err
	}
	if _, err := d.checkpoint(ctx, "freeze", 12, complete("freeze", 0)); err != nil {
		return err
	}
	before := d.load.Snapshot()
	if err := d.requests(ctx, before.Total+2*rate); err != nil {
		return err
	}
	d.shares([]share{{0, d.load.Snapshot().Since(before)}})
	all := d.load.Snapshot()
	d.say("   %d requests in all, %d failed%s\n", all.Total, all.Failed, because(all.Reasons))
	if all.Failed > 0 {
		return fmt.Errorf("%d of %d requests failed", all.Failed, all.Total)
	}
	return nil
}

// because is why requests failed, in words; "" if none did.
func because(reasons []string) string {
	if len(reasons) == 0 {
		return ""
	}
	return ": " + strings.Join(reasons, "; ")
}
