package spinnaker

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"cutover/generator/pipeline"
)

// execution is one run of a pipeline, in Orca's shape. Its fields are guarded by Server.mu.
type execution struct {
	Type               string          `json:"type"`
	ID                 string          `json:"id"`
	Application        string          `json:"application"`
	Name               string          `json:"name"`
	BuildTime          int64           `json:"buildTime"` // times are in milliseconds since 1970
	StartTime          int64           `json:"startTime,omitempty"`
	EndTime            int64           `json:"endTime,omitempty"`
	Status             pipeline.Status `json:"status"`
	Canceled           bool            `json:"canceled"`
	CanceledBy         string          `json:"canceledBy,omitempty"`
	CancellationReason string          `json:"cancellationReason,omitempty"`
	LimitConcurrent    bool            `json:"limitConcurrent"`
	KeepWaiting        bool            `json:"keepWaitingPipelines"`
	Trigger            map[string]any  `json:"trigger"`
	PipelineConfigID   string          `json:"pipelineConfigId"`
	Stages             []*stage        `json:"stages"`

	depth  int // how many pipeline stages started one another, down to this execution
	cancel context.CancelFunc
	ended  chan struct{} // closed when Status is complete
	resume chan struct{} // closed when a pause ends; nil while there is none
}

// stage is one stage of an execution. Its fields are guarded by Server.mu.
type stage struct {
	ID            string          `json:"id"`
	RefID         string          `json:"refId"`
	Type          string          `json:"type"`
	Name          string          `json:"name"`
	StartTime     int64           `json:"startTime,omitempty"`
	EndTime       int64           `json:"endTime,omitempty"`
	Status        pipeline.Status `json:"status"`
	Context       map[string]any  `json:"context"`
	Outputs       map[string]any  `json:"outputs"`
	Tasks         []any           `json:"tasks"`
	Requisites    []string        `json:"requisiteStageRefIds"`
	ParentStageID string          `json:"parentStageId,omitempty"`

	patched chan struct{} // receives when a person changed the context; holds one
}

func newStage(id, kind, name string, context map[string]any) *stage {
	return &stage{
		ID: id, Type: kind, Name: name, Status: pipeline.NotStarted,
		Context: context, Outputs: map[string]any{}, Tasks: []any{}, Requisites: []string{},
		patched: make(chan struct{}, 1),
	}
}

// view is a snapshot of the execution as JSON. Server.mu must be held.
func (x *execution) view(expand bool) (map[string]any, error) {
	data, err := json.Marshal(x)
	if err != nil {
		return nil, err
	}
	var view map[string]any
	if err := json.Unmarshal(data, &view); err != nil {
		return nil, err
	}
	if expand {
		return view, nil
	}
	for _, s := range listOf(view, "stages") {
		stage, _ := s.(map[string]any)
		stage["context"], stage["outputs"], stage["tasks"] = map[string]any{}, map[string]any{}, []any{}
	}
	return view, nil
}

// topLevel are the stages of the pipeline itself, without those that a stage made.
func (x *execution) topLevel() []*stage {
	var list []*stage
	for _, st := range x.Stages {
		if st.ParentStageID == "" {
			list = append(list, st)
		}
	}
	return list
}

// ancestors are the stages that st comes after, nearest first. Server.mu must be held.
func (x *execution) ancestors(st *stage) []*stage {
	var list []*stage
	if parent := x.stage(st.ParentStageID); parent != nil {
		return append(append(list, parent), x.ancestors(parent)...)
	}
	seen := map[*stage]bool{st: true}
	for level := []*stage{st}; len(level) > 0; {
		var above []*stage
		for _, s := range level {
			for _, other := range x.topLevel() {
				if !seen[other] && slices.Contains(s.Requisites, other.RefID) {
					seen[other] = true
					above = append(above, other)
				}
			}
		}
		list = append(list, above...)
		level = above
	}
	return list
}

func (x *execution) stage(id string) *stage {
	i := slices.IndexFunc(x.Stages, func(s *stage) bool { return id != "" && s.ID == id })
	if i < 0 {
		return nil
	}
	return x.Stages[i]
}

// newer orders executions by age, the newest first.
func newer(a, b *execution) int { return strings.Compare(b.ID, a.ID) }
