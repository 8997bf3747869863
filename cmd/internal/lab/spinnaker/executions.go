package spinnaker

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cutover/generator/pipeline"
)

// execution finds the execution that a request names. s.mu must be held.
func (s *Server) execution(r *http.Request) (*execution, error) {
	id := r.PathValue("id")
	x, ok := s.executions[id]
	if !ok {
		return nil, notFound("Pipeline not found (id: %s)", id)
	}
	return x, nil
}

func (s *Server) getExecution(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.execution(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, x)
}

func (s *Server) cancelExecution(_ http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.execution(r)
	if err != nil {
		return err
	}
	s.cancelAll(x, r.URL.Query().Get("reason"), anonymous)
	return nil
}

// cancelAll cancels an execution that is not over. s.mu must be held.
func (s *Server) cancelAll(x *execution, reason, by string) {
	if x.Status.Complete() {
		return
	}
	x.Canceled, x.CancellationReason, x.CanceledBy = true, reason, by
	x.cancel()
	if x.StartTime == 0 { // it waits for another one: nothing runs that would notice
		s.finish(x, pipeline.Canceled, reason)
	}
}

func (s *Server) pauseExecution(_ http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.execution(r)
	if err != nil {
		return err
	}
	if x.Status != pipeline.Running {
		return badRequest("Unable to pause pipeline that is not RUNNING (executionId: %s, currentStatus: %s)", x.ID, x.Status)
	}
	x.Status, x.resume = pipeline.Paused, make(chan struct{})
	return nil
}

func (s *Server) resumeExecution(_ http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.execution(r)
	if err != nil {
		return err
	}
	if x.Status != pipeline.Paused {
		return badRequest("Unable to resume pipeline that is not PAUSED (executionId: %s, currentStatus: %s)", x.ID, x.Status)
	}
	close(x.resume)
	x.Status, x.resume = pipeline.Running, nil
	return nil
}

// patchStage is how a person's judgment arrives.
func (s *Server) patchStage(w http.ResponseWriter, r *http.Request) error {
	var change map[string]any
	if err := readJSON(r, &change); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.execution(r)
	if err != nil {
		return err
	}
	st := x.stage(r.PathValue("stage"))
	if st == nil {
		return notFound("Stage not found (id: %s)", r.PathValue("stage"))
	}
	maps.Copy(st.Context, change)
	select {
	case st.patched <- struct{}{}:
	default: // it has not looked at the change before; this one goes with it
	}
	return writeJSON(w, http.StatusOK, x)
}

// listApplicationExecutions gives the newest executions of each of the application's pipelines.
func (s *Server) listApplicationExecutions(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, p := range s.pipelinesOf(r.PathValue("app")) {
		ids = append(ids, textOf(p, "id"))
	}
	return s.writeNewest(w, r, ids, 10, r.URL.Query().Get("expand") != "false")
}

// listExecutions gives executions by their ids, or the newest ones of pipelines by theirs.
func (s *Server) listExecutions(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	configs, ids := query.Get("pipelineConfigIds"), query.Get("executionIds")
	if configs != "" && ids != "" {
		return badRequest("Only pipelineConfigIds OR executionIds can be specified")
	}
	expand := query.Get("expand") != "false"
	s.mu.Lock()
	defer s.mu.Unlock()
	if ids == "" {
		return s.writeNewest(w, r, strings.Split(configs, ","), 1, expand)
	}
	var found []*execution
	for id := range strings.SplitSeq(ids, ",") {
		if x, ok := s.executions[id]; ok {
			found = append(found, x)
		}
	}
	return writeExecutions(w, found, expand)
}

// writeNewest answers with the newest executions of each pipeline, as many as the request's limit says.
func (s *Server) writeNewest(w http.ResponseWriter, r *http.Request, pipelines []string, limit int, expand bool) error {
	if text := r.URL.Query().Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 0 {
			return badRequest("limit: %s is no number", text)
		}
	}
	count := map[string]int{}
	var found []*execution
	for _, x := range s.executionsOf(pipelines, r.URL.Query().Get("statuses")) {
		if count[x.PipelineConfigID]++; count[x.PipelineConfigID] <= limit {
			found = append(found, x)
		}
	}
	return writeExecutions(w, found, expand)
}

// executionsOf lists the pipelines' executions of certain statuses, newest first. s.mu must be held.
func (s *Server) executionsOf(pipelines []string, statuses string) []*execution {
	wanted := strings.Split(statuses, ",")
	var found []*execution
	for _, x := range s.executions {
		if slices.Contains(pipelines, x.PipelineConfigID) && (statuses == "" || slices.Contains(wanted, string(x.Status))) {
			found = append(found, x)
		}
	}
	slices.SortFunc(found, newer)
	return found
}

func writeExecutions(w http.ResponseWriter, list []*execution, expand bool) error {
	views := []any{}
	for _, x := range list {
		view, err := x.view(expand)
		if err != nil {
			return err
		}
		views = append(views, view)
	}
	return writeJSON(w, http.StatusOK, views)
}

// searchExecutions finds executions by what their trigger contains. As in Orca, only pipelines that still exist
// are searched.
func (s *Server) searchExecutions(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	wanted, err := triggerCriteria(query.Get("trigger"))
	if err != nil {
		return err
	}
	from, size := 0, 10
	for name, number := range map[string]*int{"startIndex": &from, "size": &size} {
		if text := query.Get(name); text != "" {
			if *number, err = strconv.Atoi(text); err != nil || *number < 0 {
				return badRequest("%s: %s is no number", name, text)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, p := range s.pipelinesOf(r.PathValue("app")) {
		if name := query.Get("pipelineName"); name == "" || name == textOf(p, "name") {
			ids = append(ids, textOf(p, "id"))
		}
	}
	var found []*execution
	for _, x := range s.executionsOf(ids, query.Get("statuses")) {
		types := query.Get("triggerTypes")
		switch {
		case types != "" && types != "*" && !slices.Contains(strings.Split(types, ","), textOf(x.Trigger, "type")):
		case query.Get("eventId") != "" && query.Get("eventId") != textOf(x.Trigger, "eventId"):
		case !contains(x.Trigger, wanted):
		default:
			found = append(found, x)
		}
	}
	if query.Get("reverse") == "true" {
		slices.Reverse(found)
	}
	from = min(from, len(found))
	return writeExecutions(w, found[from:min(from+size, len(found))], query.Get("expand") == "true")
}

func triggerCriteria(encoded string) (map[string]any, error) {
	if encoded == "" {
		return nil, nil
	}
	var wanted map[string]any
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err == nil {
		err = json.Unmarshal(data, &wanted)
	}
	if err != nil {
		return nil, &gateError{http.StatusInternalServerError, "java.lang.RuntimeException", "Failed to parse encoded trigger"}
	}
	return wanted, nil
}

// contains compares as Orca's search does: strings are equal in any case, or match as a regular expression;
// objects and lists contain what is wanted.
func contains(have, wanted any) bool {
	switch w := wanted.(type) {
	case string:
		h, ok := have.(string)
		if !ok {
			return false
		}
		if strings.EqualFold(h, w) {
			return true
		}
		pattern, err := regexp.Compile("^(?:" + w + ")$")
		return err == nil && pattern.MatchString(h)
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return false
		}
		for key := range w {
			if !contains(h[key], w[key]) {
				return false
			}
		}
		return true
	case []any:
		h, ok := have.([]any)
		for _, value := range w {
			if !ok || !slices.ContainsFunc(h, func(candidate any) bool { return contains(candidate, value) }) {
				return false
			}
		}
		return ok
	default:
		return have == wanted
	}
}
