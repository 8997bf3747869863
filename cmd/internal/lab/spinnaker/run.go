package spinnaker

import (
	"context"

	"cutover/cmd/internal/lab/spinnaker/spel"
	"cutover/generator/pipeline"
)

// run executes the stages as their graph allows, and gives the execution its final status.
func (s *Server) run(ctx context.Context, x *execution) {
	done := make(chan struct{})
	running := 0
	for {
		s.mu.Lock()
		resume := x.resume
		if resume == nil && ctx.Err() == nil && !failed(x) {
			for _, st := range ready(x) {
				st.Status, st.StartTime = pipeline.Running, s.now().UnixMilli()
				running++
				go func() {
					s.runStage(ctx, x, st)
					done <- struct{}{}
				}()
			}
		}
		if failed(x) {
			x.cancel() // a failed stage ends the stages beside it
		}
		if running == 0 && (resume == nil || ctx.Err() != nil) {
			s.end(ctx, x)
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		if running == 0 {
			select {
			case <-resume:
			case <-ctx.Done():
			}
			continue
		}
		<-done
		running--
	}
}

// ready are the stages whose turn it is.
func ready(x *execution) []*stage {
	status := map[string]pipeline.Status{}
	for _, st := range x.topLevel() {
		status[st.RefID] = st.Status
	}
	var list []*stage
	for _, st := range x.topLevel() {
		turn := st.Status == pipeline.NotStarted
		for _, ref := range st.Requisites {
			turn = turn && statusIn(status[ref], pipeline.Succeeded, pipeline.Skipped, pipeline.FailedContinue)
		}
		if turn {
			list = append(list, st)
		}
	}
	return list
}

func failed(x *execution) bool { return anyStage(x, pipeline.Terminal) }

func anyStage(x *execution, status pipeline.Status) bool {
	for _, st := range x.topLevel() {
		if st.Status == status {
			return true
		}
	}
	return false
}

// end derives the final status from those of the stages, as Orca's CompleteExecutionHandler does.
func (s *Server) end(ctx context.Context, x *execution) {
	defer s.next(x.PipelineConfigID) //nolint:contextcheck // the next execution must not end with this one
	switch {
	case anyStage(x, pipeline.Terminal):
		s.finish(x, pipeline.Terminal, "")
	case x.Canceled, anyStage(x, pipeline.Canceled), ctx.Err() != nil:
		s.finish(x, pipeline.Canceled, "")
	case anyStage(x, pipeline.Stopped):
		s.finish(x, stopped(x), "")
	case len(x.Stages) == 0 || anyStage(x, pipeline.NotStarted):
		// No stage can begin: there is none, or they wait for each other or for one that does not exist.
		s.finish(x, pipeline.Terminal, "No initial stages found, or stages that wait for stages that do not exist")
	default:
		s.finish(x, pipeline.Succeeded, "")
	}
}

// stopped is the status of an execution of which a branch stopped: the others decide, unless a stage says
// completeOtherBranchesThenFail.
func stopped(x *execution) pipeline.Status {
	for _, st := range x.topLevel() {
		if st.Status == pipeline.Stopped && st.Context["completeOtherBranchesThenFail"] == true {
			return pipeline.Terminal
		}
	}
	return pipeline.Succeeded
}

// runStage executes one stage, and notes how it ended.
func (s *Server) runStage(ctx context.Context, x *execution, st *stage) {
	s.mu.Lock()
	r, enabled := s.prepareStage(x, st)
	s.mu.Unlock()
	var outcome outcome
	var err error
	if enabled {
		outcome, err = execute(ctx, r)
	} else {
		outcome.status = pipeline.Skipped
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, value := range outcome.context {
		st.Context[key] = value
	}
	for key, value := range outcome.outputs {
		st.Outputs[key] = value
	}
	st.EndTime = s.now().UnixMilli()
	switch {
	case err != nil && ctx.Err() != nil:
		st.Status = pipeline.Canceled
	case err != nil:
		st.Context["exception"] = exceptionOf(err)
		st.Status = failureStatus(st.Context)
	case outcome.status == "":
		st.Status = pipeline.Succeeded
	default:
		st.Status = outcome.status
	}
}

// failureStatus is what becomes of a stage that failed, by what its author chose.
func failureStatus(context map[string]any) pipeline.Status {
	switch {
	case context["continuePipeline"] == true:
		return pipeline.FailedContinue
	case context["failPipeline"] == nil, context["failPipeline"] == true:
		return pipeline.Terminal
	default:
		return pipeline.Stopped
	}
}

// prepareStage evaluates the expressions of the stage's context, and tells whether the stage is enabled. s.mu
// must be held.
func (s *Server) prepareStage(x *execution, st *stage) (*stageRun, bool) {
	env := s.env(x, st)
	before := clone(st.Context)
	if st.Type == "deployManifest" && before["skipExpressionEvaluation"] == true {
		delete(before, "manifests")
	}
	rendered, failures := spel.Render(before, env)
	after, _ := rendered.(map[string]any)
	for key, value := range st.Context {
		if _, kept := after[key]; !kept {
			after[key] = value
		}
	}
	if len(failures) > 0 {
		after["expressionEvaluationSummary"] = summary(failures)
	}
	st.Context = after
	r := &stageRun{server: s, execution: x, stage: st, context: clone(after)}
	enabled := objectOf(after, "stageEnabled")
	if enabled["type"] != "expression" {
		return r, true
	}
	return r, truth(enabled["expression"], env)
}

func summary(failures []spel.Failure) map[string]any {
	out := map[string]any{}
	for _, f := range failures {
		out[f.Expression] = []any{map[string]any{"level": "ERROR", "description": "Failed to evaluate " + f.Expression + ": " + f.Reason}}
	}
	return out
}

// truth evaluates what people write as a condition: with ${ and } or without, and perhaps already evaluated.
func truth(condition any, env spel.Env) bool {
	text := spel.String(condition)
	value, failures := spel.Render("${"+text+"}", env)
	if len(failures) > 0 {
		value, _ = spel.Render(text, env)
	}
	return spel.String(value) == "true"
}

// env is what expressions of the stage can see: its context, the outputs of the stages before it, the
// trigger, the parameters and the execution. s.mu must be held, both now and while expressions are evaluated.
func (s *Server) env(x *execution, st *stage) spel.Env {
	return spel.Env{
		Lookup: func(name string) (any, bool) {
			switch name {
			case "trigger":
				return x.Trigger, true
			case "parameters":
				return x.Trigger["parameters"], true
			case "execution":
				view, err := x.view(true)
				return view, err == nil
			}
			if value, ok := st.Context[name]; ok {
				return value, true
			}
			for _, before := range x.ancestors(st) {
				if value, ok := before.Outputs[name]; ok {
					return value, true
				}
			}
			return nil, false
		},
		Functions: map[string]func([]any) (any, error){"stage": func(arguments []any) (any, error) { return stageNamed(x, arguments) }},
	}
}
