package spinnaker

import (
	"context"
	"fmt"
	"time"

	"cutover/generator/pipeline"
)

// defaultStageTimeout bounds a stage that waits for something, unless it says stageTimeoutMs.
const defaultStageTimeout = 10 * time.Minute

// stageRun is a stage that is being executed.
type stageRun struct {
	server    *Server
	execution *execution
	stage     *stage
	context   map[string]any // a copy, evaluated
}

// outcome is what a stage's work came to.
type outcome struct {
	status  pipeline.Status // the zero value means that it succeeded
	context map[string]any
	outputs map[string]any
}

func execute(ctx context.Context, r *stageRun) (outcome, error) {
	do, known := map[string]func(context.Context, *stageRun) (outcome, error){
		"bakeManifest":       bake,
		"deployManifest":     deployManifest,
		"scaleManifest":      scaleManifest,
		"disableManifest":    disableManifest,
		"deleteManifest":     deleteManifest,
		"patchManifest":      patchManifest,
		"checkPreconditions": checkPreconditions,
		"manualJudgment":     manualJudgment,
		"wait":               waitStage,
		"evaluateVariables":  evaluateVariables,
		"pipeline":           pipelineStage,
		"webhook":            webhook,
		"jenkins":            jenkins,
	}[r.stage.Type]
	if !known {
		return outcome{}, fmt.Errorf("no StageDefinitionBuilder implementation for %s found", r.stage.Type)
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout())
	defer cancel()
	return do(ctx, r)
}

func (r *stageRun) timeout() time.Duration {
	if ms, ok := r.context["stageTimeoutMs"].(float64); ok && ms > 0 {
		return time.Duration(ms) * time.Millisecond
	}
	if r.stage.Type == "manualJudgment" || r.stage.Type == "wait" || r.stage.Type == "pipeline" {
		return 72 * time.Hour
	}
	return defaultStageTimeout
}

// stageNamed is the expression function #stage: the stage of that name, or of that id.
func stageNamed(x *execution, arguments []any) (any, error) {
	if len(arguments) != 1 {
		return nil, fmt.Errorf("#stage takes one argument, got %d", len(arguments))
	}
	view, err := x.view(true)
	if err != nil {
		return nil, err
	}
	for _, st := range listOf(view, "stages") {
		stage, _ := st.(map[string]any)
		if stage["name"] == arguments[0] || stage["id"] == arguments[0] {
			return stage, nil
		}
	}
	return nil, fmt.Errorf("no stage is named %v", arguments[0])
}
