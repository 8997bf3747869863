package spinnaker

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"cutover/cmd/internal/lab/spinnaker/spel"
	"cutover/generator/pipeline"
)

// deepestPipeline bounds pipelines that start one another, since they may do so in a circle.
const deepestPipeline = 10

// trigger answers 202 with the execution's reference.
func (s *Server) trigger(w http.ResponseWriter, r *http.Request) error {
	var trigger map[string]any
	if err := readJSON(r, &trigger); err != nil {
		return err
	}
	if trigger == nil { // the body is optional
		trigger = map[string]any{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	config, err := s.find(r.PathValue("app"), r.PathValue("nameOrId"))
	if err != nil {
		return err
	}
	s.stats.Triggers[textOf(config, "id")]++
	if err := requireParameters(config, trigger); err != nil {
		return err
	}
	if textOf(trigger, "user") == "" {
		trigger["user"] = anonymous
	}
	x, err := s.orchestrate(clone(config), trigger, 0)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, map[string]any{"ref": "/pipelines/" + x.ID})
}

// requireParameters is Gate's own check, before Orca hears of it.
func requireParameters(config, trigger map[string]any) error {
	given := objectOf(trigger, "parameters")
	for _, p := range listOf(config, "parameterConfig") {
		parameter, _ := p.(map[string]any)
		name := textOf(parameter, "name")
		if parameter["required"] == true && parameter["default"] == nil && given[name] == nil {
			return badRequest("Required parameter %s is missing", name)
		}
	}
	return nil
}

// orchestrate starts a pipeline as Orca does. While an execution of the same correlation id runs, it is returned
// instead. A pipeline that cannot start is recorded as a failed execution, and is an error. s.mu must be held.
func (s *Server) orchestrate(config, trigger map[string]any, depth int) (*execution, error) {
	failed := prepare(config, trigger)
	if correlation := textOf(trigger, "correlationId"); correlation != "" && failed == nil {
		for _, x := range s.executions {
			if textOf(x.Trigger, "correlationId") == correlation && !x.Status.Complete() {
				return x, nil
			}
		}
	}
	parameters := objectOf(trigger, "parameters")
	rendered, _ := spel.Render(trigger, spel.Env{Lookup: func(name string) (any, bool) {
		switch name {
		case "parameters":
			return parameters, true
		case "trigger":
			return trigger, true
		default:
			return nil, false
		}
	}})
	trigger, _ = rendered.(map[string]any)
	x := s.newExecution(config, trigger, depth)
	if failed == nil && depth > deepestPipeline {
		failed = badRequest("more than %d pipelines started one another", deepestPipeline)
	}
	if failed != nil {
		s.finish(x, pipeline.Terminal, "Failed on startup: "+failed.Error())
		return nil, failed
	}
	if x.LimitConcurrent && s.busy(x) {
		s.queue(x)
		return x, nil
	}
	s.begin(x)
	return x, nil
}

// prepare completes the trigger and the configuration, and says why the pipeline cannot be started.
func prepare(config, trigger map[string]any) error {
	if textOf(trigger, "type") == "" {
		trigger["type"] = "manual"
	}
	parameters := objectOf(trigger, "parameters")
	if parameters == nil {
		parameters = map[string]any{}
	}
	trigger["parameters"] = parameters
	for _, p := range listOf(config, "parameterConfig") {
		parameter, _ := p.(map[string]any)
		name := textOf(parameter, "name")
		if _, given := parameters[name]; !given {
			parameters[name] = parameter["default"]
		}
	}
	if err := resolveArtifacts(config, trigger); err != nil {
		return err
	}
	if config["disabled"] == true {
		return badRequest("Pipeline is disabled and cannot be started.")
	}
	chain(listOf(config, "stages"))
	return nil
}

// chain gives stages that have no refIds at all the order in which they stand.
func chain(stages []any) {
	for _, st := range stages {
		if object, _ := st.(map[string]any); object["refId"] != nil {
			return
		}
	}
	for i, st := range stages {
		object, _ := st.(map[string]any)
		object["refId"] = fmt.Sprint(i)
		if i > 0 {
			object["requisiteStageRefIds"] = []any{fmt.Sprint(i - 1)}
		}
	}
}

func (s *Server) newExecution(config, trigger map[string]any, depth int) *execution {
	x := &execution{
		Type: "PIPELINE", ID: s.newID(), Application: textOf(config, "application"), Name: textOf(config, "name"),
		BuildTime: s.now().UnixMilli(), Status: pipeline.NotStarted, Trigger: trigger,
		LimitConcurrent: config["limitConcurrent"] == true, KeepWaiting: config["keepWaitingPipelines"] == true,
		PipelineConfigID: textOf(config, "id"), Stages: []*stage{},
		depth: depth, cancel: func() {}, ended: make(chan struct{}),
	}
	for _, entry := range listOf(config, "stages") {
		object, ok := entry.(map[string]any)
		if !ok {
			continue
		}
		st := newStage(s.newID(), textOf(object, "type"), textOf(object, "name"), map[string]any{})
		if st.Name == "" {
			st.Name = st.Type
		}
		for key, value := range object {
			switch key {
			case "type", "name":
			case "refId":
				st.RefID = spel.String(value)
			case "requisiteStageRefIds":
				for _, ref := range listOf(object, key) {
					st.Requisites = append(st.Requisites, spel.String(ref))
				}
			default:
				st.Context[key] = value
			}
		}
		x.Stages = append(x.Stages, st)
	}
	s.executions[x.ID] = x
	s.stats.Executions[x.PipelineConfigID]++
	return x
}

// busy tells whether another execution of the same pipeline runs.
func (s *Server) busy(x *execution) bool {
	for _, other := range s.executions {
		if other != x && other.PipelineConfigID == x.PipelineConfigID && other.StartTime != 0 && !other.Status.Complete() {
			return true
		}
	}
	return false
}

// queue holds the execution back until the running one ends. Those that already wait are canceled, unless the
// pipeline says keepWaitingPipelines.
func (s *Server) queue(x *execution) {
	id := x.PipelineConfigID
	if !x.KeepWaiting {
		for _, waiting := range s.waiting[id] {
			s.finish(waiting, pipeline.Canceled, "This execution has been superseded by a newer one.")
		}
		s.waiting[id] = nil
	}
	s.waiting[id] = append(s.waiting[id], x)
}

// next begins the execution that waited for one of the same pipeline to end.
func (s *Server) next(id string) {
	for len(s.waiting[id]) > 0 {
		x := s.waiting[id][0]
		s.waiting[id] = s.waiting[id][1:]
		if !x.Status.Complete() {
			s.begin(x)
			return
		}
	}
}

// begin runs the execution in the background.
func (s *Server) begin(x *execution) {
	ctx, cancel := context.WithCancel(s.context)
	x.cancel = cancel
	x.Status, x.StartTime = pipeline.Running, s.now().UnixMilli()
	s.background(func() {
		defer cancel()
		s.run(ctx, x)
	})
}

// finish gives the execution its final status, once.
func (s *Server) finish(x *execution, status pipeline.Status, reason string) {
	if x.Status.Complete() {
		return
	}
	x.Status, x.EndTime = status, s.now().UnixMilli()
	if reason != "" && x.CancellationReason == "" {
		x.CancellationReason, x.Canceled = reason, true
	}
	close(x.ended)
	s.log.Info("execution ended", "application", x.Application, "pipeline", x.Name, "execution", x.ID, "status", status)
}

// statusIn tells whether a status is one of several.
func statusIn(status pipeline.Status, list ...pipeline.Status) bool {
	return slices.Contains(list, status)
}
