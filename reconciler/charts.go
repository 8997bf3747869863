package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cutover/gitops/estate"
)

// WithCharts returns the estate with the files of its charts from registries; e itself if it has none. It never
// changes e, because estates are shared. Its errors are those of charts, with the chart's name.
func WithCharts(ctx context.Context, e *estate.Estate, charts Charts) (*estate.Estate, error) {
	if !HasRegistryCharts(e) {
		return e, nil
	}
	filled := *e
	filled.Charts = slices.Clone(e.Charts)
	for i := range filled.Charts {
		c := &filled.Charts[i]
		if c.From.Kind != estate.FromOCI {
			continue
		}
		var err error
		if c.Files, err = charts.Chart(ctx, c.From.Ref); err != nil {
			return nil, fmt.Errorf("chart %s of cutover.yaml: %w", c.Name, err)
		}
	}
	return &filled, nil
}

// HasRegistryCharts tells whether a registry has to be asked before the estate can be rendered.
func HasRegistryCharts(e *estate.Estate) bool {
	return slices.ContainsFunc(e.Charts, func(c estate.Chart) bool { return c.From.Kind == estate.FromOCI })
}

// withCharts is WithCharts for what was read from a branch. That a chart is not there is no *BadInput, since it may
// be pushed without a new commit.
func (r *Reconciler) withCharts(ctx context.Context, branch, head string, e *estate.Estate) (*estate.Estate, error) {
	if r.Charts == nil && HasRegistryCharts(e) {
		return nil, &BadInput{branch, head, errors.New("cutover.yaml names a chart in a registry, and the daemon has none: add registry to its configuration")}
	}
	return WithCharts(ctx, e, r.Charts)
}
