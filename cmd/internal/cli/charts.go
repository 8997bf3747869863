package cli

import (
	"context"
	"os"
	"path/filepath"

	"cutover/gitops/estate"
	"cutover/reconciler"
	"cutover/reconciler/remote/registry"
)

// withCharts pulls what charts the estate has in registries, into the user's cache directory. The hosts in plainHTTP
// are spoken to without TLS.
func withCharts(ctx context.Context, e *estate.Estate, plainHTTP []string) (*estate.Estate, error) {
	if !reconciler.HasRegistryCharts(e) {
		return e, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	charts, err := registry.New(registry.Config{Dir: filepath.Join(cache, "cutover", "charts"), PlainHTTP: plainHTTP})
	if err != nil {
		return nil, badInput(err)
	}
	return reconciler.WithCharts(ctx, e, charts)
}
