package invariant

import (
	"slices"

	"cutover/gitops/estate"
)

// frozen: while traffic moves, nobody can deploy to the old cluster, and nothing is being deployed, but for the services
// that break-glass lets through.
func frozen(o observation) []Breach {
	if o.at.Phase < estate.Canary {
		return nil
	}
	var open []string
	for _, p := range o.e.Freeze.Pipelines {
		if (!p.Frozen || p.Tampered) && !o.opened(p.Service.Name) {
			open = append(open, p.Application+"/"+p.Name)
		}
	}
	return append(breach(Frozen, "pipelines of the old stack are not frozen", open),
		breach(Frozen, "executions of the old stack's pipelines are under way", slices.Clone(o.e.Freeze.Running))...)
}
