package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cutover/gitops/estate"
)

// Reach says which of the systems that every migration needs do not answer: the clusters, Spinnaker and the git host. It
// is for before the first migration, when a look at all of them would ask for nothing.
func (r *Reconciler) Reach(ctx context.Context) error {
	var errs []error
	ask := func(what string, call func(context.Context) error) {
		if err := r.lookAt(ctx, lookFor, call); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	for _, name := range slices.SortedFunc(maps.Keys(r.Clusters), func(a, b estate.ClusterName) int { return strings.Compare(a.String(), b.String()) }) {
		ask("cluster "+name.String(), func(ctx context.Context) error {
			_, err := r.Clusters[name].Version(ctx)
			return err
		})
	}
	ask("Spinnaker", func(ctx context.Context) error {
		_, err := r.Pipelines.Pipelines(ctx, "cutover") // that of an application that there need not be
		return err
	})
	if r.Reviews != nil {
		ask("the git host", func(ctx context.Context) error {
			_, err := r.Reviews.Open(ctx)
			return err
		})
	}
	return errors.Join(errs...)
}
