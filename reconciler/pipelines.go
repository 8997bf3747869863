package reconciler

import (
	"context"
	"fmt"
	"slices"

	"cutover/generator"
	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// observePipelines compares the new stack's pipelines with what Gate has.
func (r *Reconciler) observePipelines(ctx context.Context, d *desired, k *knowledge, e *evidence.Evidence) error {
	if err := r.listPipelines(ctx, d, k); err != nil {
		return err
	}
	if k.comparedFor != d {
		changes, err := r.comparePipelines(d, k)
		if err != nil {
			return fmt.Errorf("pipelines of stack %s: %w", d.migration.To.Stack, err)
		}
		k.compared, k.comparedFor = changes, d
	}
	changes := k.compared
	e.Pipelines = make([]evidence.Pipeline, 0, len(changes))
	for _, c := range changes {
		p := evidence.Pipeline{ID: c.ID, Application: c.Application, Name: c.Name, State: pipelineStates[c.Verb], Reason: c.Reason}
		if err := k.refusal(savingOf(d, c.ID), r.Now()); err != nil && p.State != evidence.PipelineSame {
			p.State, p.Reason = evidence.PipelineRefused, err.Error()
		}
		e.Pipelines = append(e.Pipelines, p)
	}
	return nil
}

// comparePipelines compares what git names with what Gate has.
func (r *Reconciler) comparePipelines(d *desired, k *knowledge) ([]generator.Change, error) {
	var have []pipeline.Document
	for _, docs := range k.have {
		have = append(have, docs...)
	}
	if len(d.pipelines) == 0 && !slices.ContainsFunc(have, isOurs) {
		return nil, nil // a stack that is deployed directly needs none
	}
	return generator.Plan(d.pipelines, have, r.Generator)
}

func isOurs(doc pipeline.Document) bool {
	_, ok := pipeline.OwnedBy(doc)
	return ok
}

var pipelineStates = map[generator.Verb]evidence.PipelineState{
	generator.Keep:   evidence.PipelineSame,
	generator.Create: evidence.PipelineMissing,
	generator.Update: evidence.PipelineDiffers,
	generator.Delete: evidence.PipelineObsolete,
	generator.Refuse: evidence.PipelineRefused,
}

// listPipelines asks Gate for the pipelines of every application that the new stack has, or had.
func (r *Reconciler) listPipelines(ctx context.Context, d *desired, k *knowledge) error {
	now := r.Now()
	if k.course.reached >= estate.Freeze && now.Sub(k.haveAt) >= frozenFor {
		clear(k.have) // somebody may have thawed one, and Spinnaker tells nobody
	}
	if len(k.have) == 0 {
		k.haveAt = now
	}
	applications := map[string]bool{}
	for _, p := range d.pipelines {
		applications[p.Document.Application()] = true
	}
	for _, id := range d.migration.Listed {
		applications[id.Name.String()] = true
	}
	var ask []string
	for name := range applications {
		if _, known := k.have[name]; !known {
			ask = append(ask, name)
		}
	}
	slices.Sort(ask)
	lists, err := gather(ctx, r.Width, ask, func(ctx context.Context, name string) ([]pipeline.Document, error) {
		return r.Pipelines.Pipelines(ctx, name)
	})
	if err != nil {
		return fmt.Errorf("list pipelines: %w", err)
	}
	for i, name := range ask {
		k.have[name] = lists[i]
		k.comparedFor = nil
	}
	return nil
}

// deployPipelines are the pipelines that deploy: the first one of each service's list.
func deployPipelines(d *desired) map[estate.ServiceID]generator.Pipeline {
	out := map[estate.ServiceID]generator.Pipeline{}
	for _, p := range d.pipelines {
		s, ok := d.estate.Service(p.Service.Product, p.Service.Name)
		if !ok {
			continue
		}
		if st, ok := s.Stack(p.Stack); ok && len(st.Pipelines) > 0 && st.Pipelines[0] == p.Template {
			out[p.Service] = p
		}
	}
	return out
}
