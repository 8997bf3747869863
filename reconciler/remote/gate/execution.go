package gate

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"cutover/generator/pipeline"
)

// execution is Orca's execution, as far as we read it.
type execution struct {
	ID                 string          `json:"id"`
	Application        string          `json:"application"`
	PipelineConfigID   string          `json:"pipelineConfigId"`
	Status             pipeline.Status `json:"status"`
	BuildTime          int64           `json:"buildTime"` // times are in milliseconds since 1970
	StartTime          int64           `json:"startTime"`
	EndTime            int64           `json:"endTime"`
	CancellationReason string          `json:"cancellationReason"`
	Trigger            struct {
		CorrelationID string `json:"correlationId"`
	} `json:"trigger"`
	Stages []stage `json:"stages"`
}

type stage struct {
	ID            string          `json:"id"`
	Name          string          `json:"name"`
	Status        pipeline.Status `json:"status"`
	ParentStageID string          `json:"parentStageId"`
	Context       struct {
		Exception json.RawMessage `json:"exception"`
		KatoTasks []struct {
			Exception struct {
				Message string `json:"message"`
			} `json:"exception"`
		} `json:"kato.tasks"`
	} `json:"context"`
}

// exception is what Orca notes of an error in a stage's context.
type exception struct {
	Details struct {
		Error  string   `json:"error"`
		Errors []string `json:"errors"`
	} `json:"details"`
}

func (e exception) text() string {
	if len(e.Details.Errors) > 0 {
		return oneLine(strings.Join(e.Details.Errors, "; "))
	}
	return oneLine(e.Details.Error)
}

func (e execution) noun() pipeline.Execution {
	return pipeline.Execution{
		ID:            e.ID,
		Application:   e.Application,
		PipelineID:    e.PipelineConfigID,
		CorrelationID: e.Trigger.CorrelationID,
		Status:        e.Status,
		Reason:        e.reason(),
		Started:       atMillis(e.StartTime),
		Ended:         e.ended(),
	}
}

// ended is when the execution ended, or zero if it has not. Orca gives no end to one that never began, such as one
// that was canceled while it waited for another: its last known time stands for it.
func (e execution) ended() time.Time {
	if !e.Status.Complete() {
		return time.Time{}
	}
	return atMillis(cmp.Or(e.EndTime, e.StartTime, e.BuildTime))
}

func atMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// inOrder turns Orca's executions into ours, newest first.
func inOrder(list []execution) []pipeline.Execution {
	// Ids are ULIDs: of two that were built in the same millisecond, the later one is the greater.
	slices.SortFunc(list, func(a, b execution) int {
		return cmp.Or(cmp.Compare(b.BuildTime, a.BuildTime), strings.Compare(b.ID, a.ID))
	})
	var out []pipeline.Execution
	for _, e := range list {
		out = append(out, e.noun())
	}
	return out
}

// reason says in one line why the execution did not succeed, or "" if it did or is not over.
func (e execution) reason() string {
	switch e.Status {
	case pipeline.Terminal, pipeline.Stopped, pipeline.Canceled, pipeline.FailedContinue:
	default:
		return ""
	}
	first := ""
	for _, s := range e.Stages {
		if s.Status != pipeline.Terminal && s.Status != pipeline.Stopped {
			continue
		}
		name := e.topLevel(s).Name
		if text := s.error(); text != "" {
			return name + ": " + text
		}
		if first == "" {
			first = name + ": failed without a message"
		}
	}
	// Orca cancels with a reason of its own when the execution could not start, and people with theirs.
	if e.CancellationReason != "" {
		return oneLine(e.CancellationReason)
	}
	return cmp.Or(first, "no stage says why")
}

// topLevel is the stage of the pipeline that made s, or s itself: people know those by name.
func (e execution) topLevel(s stage) stage {
	for range e.Stages { // a bound: no chain of parents is longer
		parent := slices.IndexFunc(e.Stages, func(p stage) bool { return s.ParentStageID != "" && p.ID == s.ParentStageID })
		if parent < 0 {
			break
		}
		s = e.Stages[parent]
	}
	return s
}

func (s stage) error() string {
	var e exception
	// An exception of another shape has no text for us.
	_ = json.Unmarshal(s.Context.Exception, &e)
	if text := e.text(); text != "" {
		return text
	}
	for _, t := range slices.Backward(s.Context.KatoTasks) {
		if t.Exception.Message != "" {
			return oneLine(t.Exception.Message)
		}
	}
	return ""
}
