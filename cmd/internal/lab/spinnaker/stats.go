package spinnaker

import (
	"maps"
	"net/http"
)

// Stats counts what was asked of the stand-in since it started, refused requests not included.
type Stats struct {
	Applications map[string]int `json:"applications"` // creations and updates, by name in lower case
	Saves        map[string]int `json:"saves"`        // by pipeline id
	Deletes      map[string]int `json:"deletes"`      // by pipeline id
	Triggers     map[string]int `json:"triggers"`     // requests to start a pipeline, by its id
	Executions   map[string]int `json:"executions"`   // executions of a pipeline, by its id
}

func newStats() Stats {
	return Stats{map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}}
}

// Stats returns the counts so far.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{
		maps.Clone(s.stats.Applications), maps.Clone(s.stats.Saves), maps.Clone(s.stats.Deletes),
		maps.Clone(s.stats.Triggers), maps.Clone(s.stats.Executions),
	}
}

func (s *Server) getStats(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, s.Stats())
}
