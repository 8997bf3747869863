package spinnaker

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// listAge is how often Gate refreshes its list of applications.
const listAge = 5 * time.Second

type application struct {
	attributes map[string]any
	created    time.Time
}

// task is an Orca task. The stand-in does a task's work before it answers, so a task is born complete.
type task struct {
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	Application string           `json:"application"`
	Status      string           `json:"status"`
	BuildTime   int64            `json:"buildTime"`
	StartTime   int64            `json:"startTime"`
	EndTime     int64            `json:"endTime"`
	Variables   []map[string]any `json:"variables"`
	Steps       []any            `json:"steps"`
}

// recordTask notes that an operation was done, or why it failed. s.mu must be held.
func (s *Server) recordTask(name, app string, failed error) *task {
	now := s.now().UnixMilli()
	t := &task{ID: s.newID(), Name: name, Application: app, Status: "SUCCEEDED", BuildTime: now, StartTime: now, EndTime: now, Variables: []map[string]any{}, Steps: []any{}}
	if failed != nil {
		t.Status = "TERMINAL"
		t.Variables = append(t.Variables, map[string]any{"key": "exception", "value": exceptionOf(failed)})
	}
	s.tasks[t.ID] = t
	return t
}

// exceptionOf is an error in the shape in which Orca notes it.
func exceptionOf(err error) map[string]any {
	return map[string]any{
		"exceptionType": "SpinnakerException",
		"details": map[string]any{
			"error":  "Unexpected Task Failure",
			"errors": []any{err.Error()},
		},
	}
}

func (s *Server) postTask(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Application string           `json:"application"`
		Description string           `json:"description"`
		Job         []map[string]any `json:"job"`
	}
	if err := readJSON(r, &body); err != nil {
		return err
	}
	if app := r.PathValue("app"); app != "" {
		body.Application = app
	}
	if len(body.Job) == 0 {
		return badRequest("a task needs a job")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var failed error
	for _, job := range body.Job {
		if failed = s.work(job); failed != nil {
			break
		}
	}
	t := s.recordTask(body.Description, body.Application, failed)
	return writeJSON(w, http.StatusOK, map[string]any{"ref": "/tasks/" + t.ID})
}

// work does one job of a task. s.mu must be held.
func (s *Server) work(job map[string]any) error {
	attributes := objectOf(job, "application")
	name := textOf(attributes, "name")
	key := strings.ToLower(name)
	switch kind := textOf(job, "type"); kind {
	case "createApplication", "updateApplication", "upsertApplication":
		if name == "" {
			return badRequest("Invalid application name, errors: [must not be empty]")
		}
		if textOf(attributes, "email") == "" {
			return badRequest("An application needs an email")
		}
		a, known := s.applications[key]
		if !known {
			a = application{map[string]any{}, s.now()}
		}
		maps.Copy(a.attributes, attributes)
		a.attributes["updateTs"] = s.now().UnixMilli()
		s.applications[key] = a
		s.stats.Applications[key]++
		return nil
	case "deleteApplication":
		delete(s.applications, key)
		return nil
	default:
		return badRequest("the stand-in knows no job of type %s", kind)
	}
}

func (s *Server) getTask(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tasks[r.PathValue("id")]
	if !ok {
		return notFound("No ORCHESTRATION found for %s", r.PathValue("id"))
	}
	return writeJSON(w, http.StatusOK, t)
}

// listApplications gives Gate's cache: what there was at the last of its refreshes, 5 s apart.
func (s *Server) listApplications(w http.ResponseWriter, _ *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	refreshed := s.start.Add(s.now().Sub(s.start).Truncate(listAge))
	list := []any{}
	for _, key := range slices.Sorted(maps.Keys(s.applications)) {
		if a := s.applications[key]; !a.created.After(refreshed) {
			list = append(list, a.attributes)
		}
	}
	return writeJSON(w, http.StatusOK, list)
}

func (s *Server) getApplication(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := r.PathValue("app")
	a, ok := s.applications[strings.ToLower(name)]
	if !ok {
		return notFound("Application not found (id: %s)", name)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"name": strings.ToLower(name), "attributes": a.attributes, "clusters": map[string]any{}})
}

func (s *Server) listAccounts(w http.ResponseWriter, _ *http.Request) error {
	list := []any{}
	for _, name := range slices.Sorted(maps.Keys(s.accounts)) {
		list = append(list, accountView(name))
	}
	return writeJSON(w, http.StatusOK, list)
}

// getAccount answers an unknown name by an empty 200, as Gate does.
func (s *Server) getAccount(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	if _, ok := s.accounts[name]; !ok {
		return nil
	}
	return writeJSON(w, http.StatusOK, accountView(name))
}

func accountView(name string) map[string]any {
	return map[string]any{
		"name": name, "accountId": name, "type": "kubernetes", "cloudProvider": "kubernetes",
		"requiredGroupMembership": []any{}, "permissions": map[string]any{}, "primaryAccount": false,
	}
}
