package demo

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"cutover/cmd/internal/lab/scenario"
	"cutover/gitops/estate"
	"cutover/reconciler/contract/labtest"
)

// drift plays somebody with kubectl.
func (d *Demo) drift(ctx context.Context) error {
	svc, _ := d.estate.Service(d.migration.Product, estate.Must(estate.ParseServiceName(edited)))
	ns := svc.Namespace.String()
	begun := time.Now()
	for _, args := range [][]string{
		{"-n", ns, "set", "image", "deployment/" + edited, edited + "=debug.example.com/mine:latest"},
		{"-n", ns, "delete", "service", edited, "--wait=false"},
	} {
		out, err := d.kubectl(ctx, args...)
		if err != nil {
			return err
		}
		d.say("   $ kubectl %s\n     %s\n", strings.Join(args, " "), strings.TrimSpace(out))
	}
	found := map[string]bool{}
	_, err := d.daemon.Await(ctx, d.migration.Branch, func(r scenario.Report) bool {
		for _, repair := range r.Repaired {
			if repair.At.Before(begun) {
				break
			}
			for _, set := range repair.Drift.Sets {
				for _, diff := range set.Plan.Apply {
					if !found[diff.Object] {
						found[diff.Object] = true
						d.say("   found %s after the first edit: %s %s, %s\n", repair.At.Sub(begun).Round(time.Millisecond), diff.Kind, diff.Object, diff.Reason)
						d.say("%s", indent(indent(diff.Diff)))
					}
				}
			}
		}
		return len(found) >= 2 && deployed(r)
	})
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"-n", ns, "get", "service", edited, "-o", "name"},
		{"-n", ns, "get", "deployment", edited, "-o", "jsonpath={.spec.template.spec.containers[0].image}"},
	} {
		out, err := d.kubectl(ctx, args...)
		if err != nil {
			return err
		}
		d.say("   $ kubectl %s\n     %s\n", strings.Join(args, " "), strings.TrimSpace(out))
	}
	d.say("   put right %s after the first edit\n", time.Since(begun).Round(100*time.Millisecond))
	return nil
}

func (d *Demo) kubectl(ctx context.Context, args ...string) (string, error) {
	kubeconfig := d.Lab.Description().Clusters[labtest.New].Kubeconfig
	out, err := exec.CommandContext(ctx, "kubectl", append([]string{"--kubeconfig", kubeconfig}, args...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}
