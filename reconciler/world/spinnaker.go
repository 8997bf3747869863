package world

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"cutover/generator/pipeline"
	"cutover/reconciler/failure"
)

// spinnaker is Front50's store and what Orca runs.
type spinnaker struct {
	applications map[string]string // e-mail by name
	pipelines    map[string]stored // by id
	executions   []*execution      // oldest first
	versions     int
}

// stored is a pipeline, and how often pipelines had been saved when it was.
type stored struct {
	pipeline.Document
	version int
}

func newSpinnaker() spinnaker {
	return spinnaker{applications: map[string]string{}, pipelines: map[string]stored{}}
}

// save writes a pipeline as Front50 does: by its id, with stamps of its own.
func (s *spinnaker) save(d pipeline.Document, at time.Time) error {
	normal, err := pipeline.Normalize(d)
	if err != nil {
		return fmt.Errorf("%w: %w", failure.ErrRefused, err)
	}
	s.store(normal, at)
	return nil
}

// store writes a normalized pipeline.
func (s *spinnaker) store(normal pipeline.Document, at time.Time) {
	s.versions++
	normal = maps.Clone(normal)
	normal["updateTs"] = strconv.FormatInt(at.UnixMilli()+int64(s.versions), 10)
	s.pipelines[normal.ID()] = stored{normal, s.versions}
}

// list are an application's pipelines, sorted by name.
func (s *spinnaker) list(application string) []stored {
	var out []stored
	for _, d := range s.pipelines {
		if strings.EqualFold(d.Application(), application) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b stored) int { return strings.Compare(a.Name()+a.ID(), b.Name()+b.ID()) })
	return out
}

// Spinnaker is Gate as the program uses it: Applications, Pipelines and Executions.
type Spinnaker struct{ p *Process }

// EnsureApplication implements reconciler.Applications.
func (s Spinnaker) EnsureApplication(ctx context.Context, a pipeline.Application) (bool, error) {
	return change(ctx, s.p, portSpinnaker, "application "+a.Name, func() (bool, error) {
		have := s.p.w.spinnaker.applications
		if a.Name == "" || a.Email == "" {
			return false, fmt.Errorf("%w: it needs a name and an e-mail address", failure.ErrRefused)
		}
		if _, ok := have[a.Name]; ok {
			return false, nil
		}
		have[a.Name] = a.Email
		return true, nil
	})
}

// Pipelines implements reconciler.Pipelines.
func (s Spinnaker) Pipelines(ctx context.Context, application string) ([]pipeline.Document, error) {
	return look(ctx, s.p, portSpinnaker, "pipelines of "+application, false, func() ([]pipeline.Document, error) {
		var out []pipeline.Document
		for _, d := range s.p.w.spinnaker.list(application) {
			s.p.read[d.ID()] = d.version
			out = append(out, maps.Clone(d.Document))
		}
		return out, nil
	})
}

// Save implements reconciler.Pipelines.
func (s Spinnaker) Save(ctx context.Context, d pipeline.Document) error {
	return do(ctx, s.p, portSpinnaker, fmt.Sprintf("save pipeline %s/%s", d.Application(), d.Name()), func() error {
		w := s.p.w
		if d.ID() == "" || d.Application() == "" || d.Name() == "" {
			return fmt.Errorf("%w: it needs an id, an application and a name", failure.ErrRefused)
		}
		old, exists := w.spinnaker.pipelines[d.ID()]
		if exists && !strings.EqualFold(old.Application(), d.Application()) {
			return fmt.Errorf("%w: the id is taken by application %s", failure.ErrRefused, old.Application())
		}
		mark, owned := pipeline.OwnedBy(old.Document)
		if wanted, marked := pipeline.OwnedBy(d); exists && (!owned || !marked || mark.Estate != wanted.Estate) {
			return fmt.Errorf("%w: it does not carry the mark of our estate", failure.ErrRefused)
		}
		if seen, ok := s.p.read[d.ID()]; exists && (!ok || seen != old.version) {
			return fmt.Errorf("%w: it was saved since it was read", failure.ErrConflict)
		}
		for _, other := range w.spinnaker.list(d.Application()) {
			if other.ID() != d.ID() && strings.EqualFold(other.Name(), d.Name()) {
				return fmt.Errorf("%w: a pipeline with name %s already exists", failure.ErrRefused, d.Name())
			}
		}
		w.judge.saves(w, d, old.Document)
		if err := w.spinnaker.save(d, w.now); err != nil {
			return err
		}
		s.p.read[d.ID()] = w.spinnaker.versions
		return nil
	})
}

// Delete implements reconciler.Pipelines.
func (s Spinnaker) Delete(ctx context.Context, d pipeline.Document) error {
	return do(ctx, s.p, portSpinnaker, fmt.Sprintf("delete pipeline %s/%s", d.Application(), d.Name()), func() error {
		w := s.p.w
		have, exists := w.spinnaker.pipelines[d.ID()]
		if !exists {
			return nil
		}
		mark, owned := pipeline.OwnedBy(have.Document)
		wanted, marked := pipeline.OwnedBy(d)
		switch {
		case !owned || !marked || !reflect.DeepEqual(mark, wanted):
			return fmt.Errorf("%w: the stored pipeline does not carry the same mark", failure.ErrRefused)
		case !strings.EqualFold(have.Application(), d.Application()) || have.Name() != d.Name():
			return fmt.Errorf("%w: its id now belongs to %s", failure.ErrRefused, have.Name())
		}
		w.judge.deletes(w, have.Document)
		delete(w.spinnaker.pipelines, d.ID())
		return nil
	})
}

// Trigger implements reconciler.Executions. As in Orca, an execution of the same correlation id that still runs is
// given instead of a new one; once it has ended, its correlation id is forgotten.
func (s Spinnaker) Trigger(ctx context.Context, t pipeline.Trigger) (string, error) {
	return change(ctx, s.p, portSpinnaker, fmt.Sprintf("trigger %s %s", t.Application, t.CorrelationID), func() (string, error) {
		w := s.p.w
		d, ok := w.spinnaker.pipelines[t.PipelineID]
		if !ok || !strings.EqualFold(d.Application(), t.Application) {
			return "", fmt.Errorf("%w: pipeline %s", failure.ErrNotFound, t.PipelineID)
		}
		for _, x := range w.spinnaker.executions {
			if x.CorrelationID == t.CorrelationID && !x.Status.Complete() {
				return x.ID, nil
			}
		}
		w.judge.triggers(w, d.Document, t)
		x, err := w.run(d.Document, t, Bot)
		if err != nil {
			return "", err
		}
		return x.ID, nil
	})
}

// Recent implements reconciler.Executions.
func (s Spinnaker) Recent(ctx context.Context, _, pipelineID string, limit int) ([]pipeline.Execution, error) {
	return look(ctx, s.p, portSpinnaker, "executions of "+pipelineID, true, func() ([]pipeline.Execution, error) {
		return s.p.w.spinnaker.newest(func(x *execution) bool { return x.PipelineID == pipelineID }, limit), nil
	})
}

// Running implements reconciler.Executions.
func (s Spinnaker) Running(ctx context.Context, application string) ([]pipeline.Execution, error) {
	return look(ctx, s.p, portSpinnaker, "running executions of "+application, true, func() ([]pipeline.Execution, error) {
		return s.p.w.spinnaker.newest(func(x *execution) bool {
			return strings.EqualFold(x.Application, application) && !x.Status.Complete()
		}, len(s.p.w.spinnaker.executions)), nil
	})
}

func (s *spinnaker) newest(wanted func(*execution) bool, limit int) []pipeline.Execution {
	var out []pipeline.Execution
	for _, x := range slices.Backward(s.executions) {
		if wanted(x) && len(out) < limit {
			out = append(out, x.Execution)
		}
	}
	return out
}

// Execution implements reconciler.Executions.
func (s Spinnaker) Execution(ctx context.Context, id string) (pipeline.Execution, error) {
	return look(ctx, s.p, portSpinnaker, "execution "+id, false, func() (pipeline.Execution, error) {
		for _, x := range s.p.w.spinnaker.executions {
			if x.ID == id {
				return x.Execution, nil
			}
		}
		return pipeline.Execution{}, fmt.Errorf("%w: execution %s", failure.ErrNotFound, id)
	})
}
