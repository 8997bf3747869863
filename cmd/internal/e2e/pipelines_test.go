package e2e

import (
	"testing"

	"cutover/generator"
	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/gitops/repo"
	"cutover/reconciler/remote/gate"
)

// wanted are the pipelines of the new stack, as git names them on the main branch.
func (p *place) wanted(t *testing.T) []generator.Pipeline {
	t.Helper()
	expanded, _, err := generator.Expand(p.estate, p.migration)
	if err != nil {
		t.Fatal(err)
	}
	out, err := generator.Pipelines(expanded, p.migration.Product, p.migration.To.Stack, generator.Options{Estate: repo.Name(p.URL), Repository: p.URL, Base: "main"})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// saved counts the pipelines in Gate by id, over all applications, without those of the old stack.
func (p *place) saved(t *testing.T) map[string]int {
	t.Helper()
	client, err := gate.New(gate.Config{Endpoint: p.Gate})
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, s := range p.estate.Services {
		docs, err := client.Pipelines(t.Context(), s.Name.String())
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range docs {
			if mark, ok := pipeline.OwnedBy(doc); ok && mark.Stack == p.migration.From.Stack.String() {
				continue
			}
			count[doc.ID()]++
		}
	}
	return count
}

// executions counts how often each service was deployed by its pipeline.
func (p *place) executions(t *testing.T) map[string]int {
	t.Helper()
	stats := p.gate.Stats()
	count := map[string]int{}
	for _, w := range p.wanted(t) {
		count[w.Service.Name.String()] += stats.Executions[w.Document.ID()]
	}
	return count
}

// once is how often each service is deployed in phase deploy: an exclusive one never.
func (p *place) once() map[string]int {
	count := map[string]int{}
	for _, s := range p.estate.Services {
		count[s.Name.String()] = 1
		if s.Class == estate.Exclusive {
			count[s.Name.String()] = 0
		}
	}
	return count
}

// checkPipelines checks in Gate that every pipeline of the new stack is there once, and no other.
func (p *place) checkPipelines(t *testing.T) {
	t.Helper()
	have := p.saved(t)
	for _, w := range p.wanted(t) {
		id := w.Document.ID()
		if n := have[id]; n != 1 {
			t.Errorf("pipeline %s/%s is there %d times, want once", w.Document.Application(), w.Document.Name(), n)
		}
		delete(have, id)
	}
	for id, n := range have {
		t.Errorf("Gate has %d pipelines %s that git does not name", n, id)
	}
}
