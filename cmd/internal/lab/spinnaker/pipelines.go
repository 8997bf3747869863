package spinnaker

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// savePipeline answers success by an empty 200.
func (s *Server) savePipeline(_ http.ResponseWriter, r *http.Request) error {
	var document map[string]any
	if err := readJSON(r, &document); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.store(document)
	s.recordTask(fmt.Sprintf("Save pipeline '%s'", textOf(document, "name")), textOf(document, "application"), err)
	return err
}

// store is Front50's save. s.mu must be held.
func (s *Server) store(document map[string]any) (map[string]any, error) {
	stored, _ := withoutNull(document).(map[string]any)
	name, app := strings.TrimSpace(textOf(stored, "name")), textOf(stored, "application")
	if name == "" || strings.TrimSpace(app) == "" {
		return nil, badRequest("A pipeline requires name and application fields")
	}
	if textOf(stored, "id") == "" {
		stored["id"] = uuid.NewString()
	}
	key := strings.ToLower(textOf(stored, "id"))
	for other, p := range s.pipelines {
		if other != key && strings.EqualFold(textOf(p, "application"), app) && strings.EqualFold(textOf(p, "name"), name) {
			return nil, badRequest("A pipeline with name %s already exists in application %s", name, app)
		}
	}
	s.lastSave = max(s.lastSave+1, s.now().UnixMilli()) // so that two saves never look like one
	stored["name"] = name
	stored["lastModifiedBy"] = anonymous
	stored["updateTs"] = strconv.FormatInt(s.lastSave, 10)
	stored["schema"] = cmp.Or(textOf(stored, "schema"), "1")
	stored["triggers"] = withCronIDs(listOf(stored, "triggers"))
	s.pipelines[key] = stored
	s.stats.Saves[textOf(stored, "id")]++
	return stored, nil
}

func withCronIDs(triggers []any) []any {
	for _, t := range triggers {
		if trigger, ok := t.(map[string]any); ok && trigger["type"] == "cron" && textOf(trigger, "id") == "" {
			trigger["id"] = uuid.NewString()
		}
	}
	if triggers == nil {
		return []any{}
	}
	return triggers
}

// withoutNull copies a JSON value without the fields that are null, as Front50's JSON library does.
func withoutNull(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key := range v {
			if v[key] != nil {
				out[key] = withoutNull(v[key])
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = withoutNull(v[i])
		}
		return out
	default:
		return v
	}
}

// bulkSave answers 200 even if some pipelines were not saved.
func (s *Server) bulkSave(w http.ResponseWriter, r *http.Request) error {
	var documents []map[string]any
	if err := readJSON(r, &documents); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	saved, failed := []any{}, []any{}
	for _, d := range documents {
		if _, err := s.store(d); err != nil {
			d["errorMsg"] = err.Error()
			failed = append(failed, d)
			continue
		}
		saved = append(saved, d["name"])
	}
	return writeJSON(w, http.StatusOK, map[string]any{
		"successful_pipelines_count": len(saved), "successful_pipelines": saved,
		"failed_pipelines_count": len(failed), "failed_pipelines": failed,
	})
}

func (s *Server) updatePipeline(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	var document map[string]any
	if err := readJSON(r, &document); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.pipelines[strings.ToLower(id)]; !ok {
		return badRequest("No pipeline found with id %s", id)
	}
	if textOf(document, "id") != id {
		return badRequest("The provided id %s doesn't match the existing pipeline id %s", textOf(document, "id"), id)
	}
	stored, err := s.store(document)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, stored)
}

// deletePipeline says 200 for a pipeline that is not there.
func (s *Server) deletePipeline(_ http.ResponseWriter, r *http.Request) error {
	app, name := r.PathValue("app"), r.PathValue("name")
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, p := range s.pipelines {
		if strings.EqualFold(textOf(p, "application"), app) && strings.EqualFold(textOf(p, "name"), name) {
			delete(s.pipelines, key)
			s.stats.Deletes[textOf(p, "id")]++
		}
	}
	return nil
}

func (s *Server) listPipelines(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.pipelinesOf(r.PathValue("app"))
	for i, p := range list {
		list[i] = clone(p)
		list[i]["index"] = i
	}
	return writeJSON(w, http.StatusOK, list)
}

// pipelinesOf lists an application's pipelines in Front50's order: by index, then by name. s.mu must be held.
func (s *Server) pipelinesOf(app string) []map[string]any {
	list := []map[string]any{}
	for _, p := range s.pipelines {
		if strings.EqualFold(textOf(p, "application"), app) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b map[string]any) int {
		i, iok := a["index"].(float64)
		j, jok := b["index"].(float64)
		switch {
		case iok && !jok:
			return -1
		case !iok && jok:
			return 1
		}
		return cmp.Or(cmp.Compare(i, j), strings.Compare(strings.ToLower(textOf(a, "name")), strings.ToLower(textOf(b, "name"))))
	})
	return list
}

func (s *Server) getPipeline(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.find(r.PathValue("app"), r.PathValue("nameOrId"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, p)
}

// find looks for a name in the application, in its exact case, then for an id in every application: Gate does
// not compare the application then. s.mu must be held.
func (s *Server) find(app, nameOrID string) (map[string]any, error) {
	for _, p := range s.pipelines {
		if strings.EqualFold(textOf(p, "application"), app) && textOf(p, "name") == nameOrID {
			return p, nil
		}
	}
	if p, ok := s.pipelines[strings.ToLower(nameOrID)]; ok && textOf(p, "id") == nameOrID {
		return p, nil
	}
	return nil, notFound("Pipeline configuration not found (nameOrId: %s in application %s)", nameOrID, app)
}
