package spinnaker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"cutover/gitops/estate"
)

// Config says what the stand-in works with.
type Config struct {
	// Accounts are the clusters, by the names of their Spinnaker accounts.
	Accounts map[string]*rest.Config
	// Artifacts are the git repositories that charts and values are read from.
	Artifacts []ArtifactAccount
	// Charts finds the files of a chart that an artifact of type helm/chart names. It may be nil.
	Charts func(name string) ([]estate.File, bool)
	// Log may be nil.
	Log *slog.Logger
	// Dir holds clones of the repositories. If empty, a temporary directory is made, and removed by Close.
	Dir string
}

// ArtifactAccount is a git repository that artifacts are read from.
type ArtifactAccount struct {
	Name string
	// URL is the repository's address, and what the references of its artifacts begin with.
	URL             string
	Username, Token string // Token is used as a password; empty for a repository that everybody may read
}

// Server is the stand-in.
type Server struct {
	log    *slog.Logger
	now    func() time.Time
	start  time.Time
	newID  func() string
	charts func(name string) ([]estate.File, bool)

	accounts map[string]*cluster
	git      *gitStore
	dir      string
	ownDir   bool

	context context.Context // of everything that runs in the background
	stop    context.CancelFunc
	running sync.WaitGroup

	faults faults

	mu           sync.Mutex // guards what follows, and the executions inside
	closed       bool
	applications map[string]application // by name in lower case
	pipelines    map[string]map[string]any
	lastSave     int64 // milliseconds
	tasks        map[string]*task
	executions   map[string]*execution
	waiting      map[string][]*execution // by pipeline id: held back by limitConcurrent, oldest first
	builds       int                     // the number of the last simulated Jenkins build
	stats        Stats
}

// New returns a Server that serves nothing yet: see Handler. Close it.
func New(c Config) (*Server, error) {
	s := &Server{
		log:          c.Log,
		now:          time.Now,
		newID:        newULIDs(),
		charts:       c.Charts,
		accounts:     map[string]*cluster{},
		dir:          c.Dir,
		applications: map[string]application{},
		pipelines:    map[string]map[string]any{},
		tasks:        map[string]*task{},
		executions:   map[string]*execution{},
		waiting:      map[string][]*execution{},
		stats:        newStats(),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.charts == nil {
		s.charts = func(string) ([]estate.File, bool) { return nil, false }
	}
	s.start = s.now()
	for name, config := range c.Accounts {
		account, err := newCluster(config)
		if err != nil {
			return nil, fmt.Errorf("spinnaker: account %s: %w", name, err)
		}
		s.accounts[name] = account
	}
	for _, a := range c.Artifacts {
		if a.Name == "" || a.URL == "" {
			return nil, errors.New("spinnaker: an artifact account needs a name and a URL")
		}
	}
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "cutover-spinnaker-")
		if err != nil {
			return nil, fmt.Errorf("spinnaker: %w", err)
		}
		s.dir, s.ownDir = dir, true
	}
	s.git = newGitStore(s.dir, c.Artifacts)
	s.context, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// Close ends all executions, waits for them, and removes what New made on disk.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.running.Wait()
	if !s.ownDir {
		return nil
	}
	return os.RemoveAll(s.dir)
}

// background runs do unless the Server is closed. s.mu must be held.
func (s *Server) background(do func()) {
	if s.closed {
		return
	}
	s.running.Go(do)
}

// Handler is Gate's API, and the lab's own at /lab/.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, handle := range map[string]handler{
		"GET /version":                   s.getVersion,
		"GET /auth/user":                 s.getUser,
		"GET /credentials":               s.listAccounts,
		"GET /credentials/{name}":        s.getAccount,
		"GET /applications":              s.listApplications,
		"GET /applications/{app}":        s.getApplication,
		"POST /tasks":                    s.postTask,
		"POST /applications/{app}/tasks": s.postTask,
		"GET /tasks/{id}":                s.getTask,

		"GET /applications/{app}/pipelineConfigs":            s.listPipelines,
		"GET /applications/{app}/pipelineConfigs/{nameOrId}": s.getPipeline,
		"POST /pipelines":                s.savePipeline,
		"POST /pipelines/bulksave":       s.bulkSave,
		"PUT /pipelines/{id}":            s.updatePipeline,
		"DELETE /pipelines/{app}/{name}": s.deletePipeline,

		"POST /pipelines/{app}/{nameOrId}":          s.trigger,
		"GET /pipelines/{id}":                       s.getExecution,
		"PUT /pipelines/{id}/cancel":                s.cancelExecution,
		"PUT /pipelines/{id}/pause":                 s.pauseExecution,
		"PUT /pipelines/{id}/resume":                s.resumeExecution,
		"PATCH /pipelines/{id}/stages/{stage}":      s.patchStage,
		"GET /applications/{app}/pipelines":         s.listApplicationExecutions,
		"GET /applications/{app}/executions/search": s.searchExecutions,
		"GET /executions":                           s.listExecutions,
	} {
		mux.Handle(pattern, handle)
	}
	gate := s.firewall(s.faulty(mux))
	lab := http.NewServeMux()
	lab.Handle("POST /lab/faults", handler(s.postFault))
	lab.Handle("DELETE /lab/faults", handler(s.deleteFaults))
	lab.Handle("GET /lab/stats", handler(s.getStats))
	lab.Handle("/", gate)
	return lab
}

func (s *Server) getVersion(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, map[string]any{"version": "2026.2.3"})
}

func (s *Server) getUser(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, map[string]any{"username": anonymous, "roles": []any{}})
}

// anonymous is who Gate says everybody is when it asks nobody to log in.
const anonymous = "anonymous"
