package spinnaker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Effect is how a Fault goes wrong.
type Effect string

const (
	// Latency answers rightly, after Fault.Latency.
	Latency Effect = "latency"
	// Status answers with Fault.Status, and does nothing.
	Status Effect = "status"
	// Empty200 answers an empty 200, and does nothing.
	Empty200 Effect = "empty200"
	// HTML200 answers a 200 with a page in HTML, as a proxy would, and does nothing.
	HTML200 Effect = "html200"
	// RedirectToLogin answers a redirect to a login page, and does nothing.
	RedirectToLogin Effect = "redirect"
	// LostAnswer does what was asked, and closes the connection instead of answering.
	LostAnswer Effect = "lostAnswer"
	// RejectBefore closes the connection, and does nothing.
	RejectBefore Effect = "rejectBefore"
	// StillRunning answers as Gate does when it no longer waits for a save, and does what was asked after
	// Fault.Latency.
	StillRunning Effect = "stillRunning"
)

// Fault makes requests go wrong.
type Fault struct {
	Match Match `json:"match"`
	// Times is how many requests it applies to. 0 means all, until the faults are cleared.
	Times   int    `json:"times"`
	Do      Effect `json:"do"`
	Status  int    `json:"status"`  // for Status; the default is 503
	Latency string `json:"latency"` // a Go duration, for Latency and StillRunning
}

// Match selects requests. What is empty matches all.
type Match struct {
	Method      string `json:"method"`
	PathRegexp  string `json:"pathRegexp"`
	Application string `json:"application"` // in the path or in the body
}

type faults struct {
	mu   sync.Mutex
	list []*armed
}

type armed struct {
	Fault
	path    *regexp.Regexp
	latency time.Duration
}

// AddFault makes matching requests go wrong, after those faults that were added before.
func (s *Server) AddFault(f Fault) error {
	a := &armed{Fault: f}
	var err error
	if a.path, err = regexp.Compile(f.Match.PathRegexp); err != nil {
		return fmt.Errorf("fault: pathRegexp: %w", err)
	}
	if f.Latency != "" {
		if a.latency, err = time.ParseDuration(f.Latency); err != nil {
			return fmt.Errorf("fault: latency: %w", err)
		}
	}
	switch f.Do {
	case Latency, Status, Empty200, HTML200, RedirectToLogin, LostAnswer, RejectBefore, StillRunning:
	default:
		return fmt.Errorf("fault: %q is no effect", f.Do)
	}
	if a.Fault.Status == 0 {
		a.Fault.Status = http.StatusServiceUnavailable
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = append(s.faults.list, a)
	return nil
}

// ClearFaults makes all requests go right again.
func (s *Server) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = nil
}

// take finds the fault of a request, and counts it.
func (f *faults) take(r *http.Request, body []byte) *armed {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, a := range f.list {
		if (a.Match.Method != "" && a.Match.Method != r.Method) || !a.path.MatchString(r.URL.Path) || !a.application(r, body) {
			continue
		}
		if a.Times == 1 {
			f.list = append(f.list[:i:i], f.list[i+1:]...)
		}
		found := *a
		if a.Times > 1 {
			a.Times--
		}
		return &found
	}
	return nil
}

func (a *armed) application(r *http.Request, body []byte) bool {
	if a.Match.Application == "" {
		return true
	}
	for part := range strings.SplitSeq(r.URL.Path, "/") {
		if part == a.Match.Application {
			return true
		}
	}
	var named struct {
		Application string `json:"application"`
	}
	return json.Unmarshal(body, &named) == nil && named.Application == a.Match.Application
}

// faulty lets requests go wrong as the faults say.
func (s *Server) faulty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestBody))
		if err != nil {
			writeError(w, badRequest("the body is too large"))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		fault := s.faults.take(r, body)
		if fault == nil {
			next.ServeHTTP(w, r)
			return
		}
		switch fault.Do {
		case Latency:
			select {
			case <-time.After(fault.latency):
			case <-r.Context().Done():
			}
			next.ServeHTTP(w, r)
		case Status:
			writeError(w, &gateError{fault.Status, "", "told to fail"})
		case Empty200:
		case HTML200:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, "<html><body>Welcome</body></html>")
		case RedirectToLogin:
			http.Redirect(w, r, "/login", http.StatusFound)
		case LostAnswer:
			next.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler) // closes the connection
		case RejectBefore:
			panic(http.ErrAbortHandler)
		case StillRunning:
			s.later(fault.latency, next, r, body)
			writeError(w, badRequest("Pipeline save operation did not succeed: %s (status: RUNNING)", s.newID()))
		}
	})
}

// later serves a request whose client has already been answered.
func (s *Server) later(delay time.Duration, next http.Handler, r *http.Request, body []byte) {
	r = r.Clone(s.context)
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.background(func() {
		select {
		case <-time.After(delay):
			next.ServeHTTP(httptest.NewRecorder(), r)
		case <-s.context.Done():
		}
	})
}

func (s *Server) postFault(w http.ResponseWriter, r *http.Request) error {
	var f Fault
	if err := readJSON(r, &f); err != nil {
		return err
	}
	if err := s.AddFault(f); err != nil {
		return badRequest("%v", err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) deleteFaults(w http.ResponseWriter, _ *http.Request) error {
	s.ClearFaults()
	w.WriteHeader(http.StatusNoContent)
	return nil
}
