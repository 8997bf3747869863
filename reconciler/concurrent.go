package reconciler

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
)

// gather calls f for every item, as many at once as width says, and gives the results in the items' order. The first error ends it: evidence with
// a hole in it is no evidence.
func gather[T, R any](ctx context.Context, width int, items []T, f func(context.Context, T) (R, error)) ([]R, error) {
	out := make([]R, len(items))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(width)
	for i, item := range items {
		group.Go(func() error {
			var err error
			out[i], err = f(ctx, item)
			return err
		})
	}
	return out, group.Wait()
}

// each calls f for every item, whatever becomes of the others, and joins the errors in the items' order.
func each[T any](ctx context.Context, width int, items []T, f func(context.Context, T) error) error {
	errs, _ := gather(ctx, width, items, func(ctx context.Context, item T) (failed, error) {
		return failed{f(ctx, item)}, nil
	})
	all := make([]error, 0, len(errs))
	for _, e := range errs {
		all = append(all, e.err)
	}
	return errors.Join(all...)
}

type failed struct{ err error }
