package scenario

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"cutover/generator"
	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/gitops/repo"
	"cutover/reconciler/remote/gate"
)

// SavePipelines puts the pipelines of a stack into Spinnaker, as the team's own tool did before the migration, and
// returns how many.
func (s *Scenario) SavePipelines(ctx context.Context, e *estate.Estate, product estate.ProductName, stack estate.StackName) (int, error) {
	client, err := gate.New(gate.Config{Endpoint: s.Gate})
	if err != nil {
		return 0, err
	}
	pipelines, err := generator.Pipelines(e, product, stack, generator.Options{Estate: repo.Name(s.URL), Repository: s.URL, Base: base})
	if err != nil {
		return 0, err
	}
	byApplication := map[string][]pipeline.Document{}
	for _, p := range pipelines {
		name := p.Document.Application()
		byApplication[name] = append(byApplication[name], p.Document)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(width)
	for name, docs := range byApplication {
		group.Go(func() error {
			if _, err := client.EnsureApplication(ctx, pipeline.Application{Name: name, Email: "platform@example.com"}); err != nil {
				return fmt.Errorf("application %s: %w", name, err)
			}
			for _, d := range docs {
				if err := client.Save(ctx, d); err != nil {
					return fmt.Errorf("pipeline %s/%s: %w", name, d.Name(), err)
				}
			}
			return nil
		})
	}
	return len(pipelines), group.Wait()
}
