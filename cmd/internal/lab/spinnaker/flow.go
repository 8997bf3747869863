package spinnaker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cutover/cmd/internal/lab/spinnaker/spel"
	"cutover/generator/pipeline"
)

// waitStage does nothing for waitTime seconds.
func waitStage(ctx context.Context, r *stageRun) (outcome, error) {
	seconds, err := number(r.context["waitTime"])
	if err != nil {
		return outcome{}, fmt.Errorf("waitTime: %w", err)
	}
	select {
	case <-time.After(time.Duration(seconds * float64(time.Second))):
		return outcome{}, nil
	case <-ctx.Done():
		return outcome{}, ctx.Err()
	}
}

// number reads a number that may stand in a string, as it does after an expression.
func number(value any) (float64, error) {
	switch v := value.(type) {
	case nil:
		return 0, nil
	case float64:
		return v, nil
	case string:
		var n float64
		if _, err := fmt.Sscan(v, &n); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%v is no number", value)
}

// manualJudgment waits for a person's word, which arrives as a change of the stage's context.
func manualJudgment(ctx context.Context, r *stageRun) (outcome, error) {
	for {
		select {
		case <-ctx.Done():
			return outcome{}, ctx.Err()
		case <-r.stage.patched:
		}
		r.server.mu.Lock()
		status, input := textOf(r.stage.Context, "judgmentStatus"), r.stage.Context["judgmentInput"]
		r.server.mu.Unlock()
		outputs := map[string]any{"judgmentStatus": status}
		if input != nil {
			outputs["judgmentInput"] = input
		}
		switch status {
		case "continue":
			return outcome{outputs: outputs}, nil
		case "stop":
			return outcome{outputs: outputs}, errors.New("the judgment was to stop")
		}
	}
}

// evaluateVariables puts values where later stages' expressions find them.
func evaluateVariables(_ context.Context, r *stageRun) (outcome, error) {
	outputs := map[string]any{}
	for _, v := range listOf(r.context, "variables") {
		variable, _ := v.(map[string]any)
		outputs[textOf(variable, "key")] = variable["value"]
	}
	return outcome{outputs: outputs}, nil
}

// checkPreconditions makes a stage of its own for each precondition, as Orca does.
func checkPreconditions(_ context.Context, r *stageRun) (outcome, error) {
	s := r.server
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range listOf(r.context, "preconditions") {
		precondition, _ := p.(map[string]any)
		kind := textOf(precondition, "type")
		child := newStage(s.newID(), "checkPreconditions", "Check precondition ("+kind+")", clone(precondition))
		child.ParentStageID, child.StartTime = r.stage.ID, s.now().UnixMilli()
		child.Context["preconditionType"] = kind
		r.execution.Stages = append(r.execution.Stages, child)
		err := s.precondition(r.execution, child, kind)
		child.EndTime = s.now().UnixMilli()
		if err == nil {
			child.Status = pipeline.Succeeded
			continue
		}
		child.Context["exception"] = exceptionOf(err)
		child.Status = failureStatus(child.Context)
		return outcome{status: child.Status}, nil
	}
	return outcome{}, nil
}

func (s *Server) precondition(x *execution, child *stage, kind string) error {
	wanted := objectOf(child.Context, "context")
	message := textOf(wanted, "failureMessage")
	switch kind {
	case "expression":
		if !truth(wanted["expression"], s.env(x, child)) {
			return fmt.Errorf("precondition %s is not true%s", spel.String(wanted["expression"]), because(message))
		}
		return nil
	case "stageStatus":
		name, status := textOf(wanted, "stageName"), textOf(wanted, "stageStatus")
		for _, st := range x.topLevel() {
			if st.Name == name && string(st.Status) == status {
				return nil
			}
		}
		return fmt.Errorf("stage %s is not %s%s", name, status, because(message))
	default:
		return fmt.Errorf("no Precondition implementation for type %s", kind)
	}
}

func because(message string) string {
	if message == "" {
		return ""
	}
	return ": " + message
}

// pipelineStage starts another pipeline and, unless told not to, shares its fate.
func pipelineStage(ctx context.Context, r *stageRun) (outcome, error) {
	s := r.server
	id := textOf(r.context, "pipeline")
	s.mu.Lock()
	config, err := s.find(textOf(r.context, "application"), id)
	var child *execution
	if err == nil {
		//nolint:contextcheck // an execution outlives what started it; a canceled parent cancels it below
		child, err = s.orchestrate(clone(config), map[string]any{
			"type":                  "pipeline",
			"user":                  textOf(r.execution.Trigger, "user"),
			"parentPipelineId":      r.execution.ID,
			"parentPipelineStageId": r.stage.ID,
			"parameters":            clone(objectOf(r.context, "pipelineParameters")),
			"artifacts":             cloneValue(listOf(r.execution.Trigger, "artifacts")),
		}, r.execution.depth+1)
	}
	s.mu.Unlock()
	if err != nil {
		return outcome{}, fmt.Errorf("start pipeline %s: %w", id, err)
	}
	out := outcome{context: map[string]any{"executionId": child.ID, "executionName": child.Name}}
	if r.context["waitForCompletion"] == false {
		return out, nil
	}
	select {
	case <-child.ended:
	case <-ctx.Done():
		s.mu.Lock()
		s.cancelAll(child, "the parent pipeline was canceled", r.execution.CanceledBy)
		s.mu.Unlock()
		return out, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out.context["status"] = string(child.Status)
	if child.Status != pipeline.Succeeded {
		return out, fmt.Errorf("pipeline %s of %s ended as %s", child.Name, child.Application, child.Status)
	}
	out.outputs = map[string]any{}
	for _, st := range child.topLevel() {
		for key, value := range st.Outputs {
			out.outputs[key] = value
		}
	}
	return out, nil
}
