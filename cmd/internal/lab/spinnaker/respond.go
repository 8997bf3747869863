package spinnaker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// largestBody bounds the body of a request, in bytes.
const largestBody = 8 << 20

// gateError is an error as Gate answers it.
type gateError struct {
	status    int
	exception string // the Java class; Gate leaves it out at times
	message   string
}

func (e *gateError) Error() string { return e.message }

func badRequest(format string, args ...any) error {
	return &gateError{http.StatusBadRequest, "java.lang.IllegalArgumentException", fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &gateError{http.StatusNotFound, "com.netflix.spinnaker.kork.web.exceptions.NotFoundException", fmt.Sprintf(format, args...)}
}

// handler is a request's handler that may answer by an error.
type handler func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP implements http.Handler.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, largestBody)
	if err := h(w, r); err != nil {
		writeError(w, err)
	}
}

func writeError(w http.ResponseWriter, err error) {
	var answer *gateError
	if !errors.As(err, &answer) {
		answer = &gateError{http.StatusInternalServerError, "", err.Error()}
	}
	body := map[string]any{
		"timestamp": time.Now().UnixMilli(),
		"status":    answer.status,
		"error":     http.StatusText(answer.status),
		"message":   answer.message,
	}
	if answer.exception != "" {
		body["exception"] = answer.exception
	}
	// The status is sent: a client that has gone away is all that can still go wrong.
	_ = writeJSON(w, answer.status, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(data)
	return nil
}

// readJSON reads a request's body. An empty one leaves out as it is.
func readJSON(r *http.Request, out any) error {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return badRequest("Required request body cannot be read: %v", err)
	}
	if len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return badRequest("JSON parse error: %v", err)
	}
	return nil
}

// firewall refuses paths that Spring's StrictHttpFirewall refuses, before any routing.
func (s *Server) firewall(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.ToLower(r.URL.EscapedPath())
		for _, forbidden := range []string{"%2f", "%5c", "%25", "%3b", ";", "//"} {
			if strings.Contains(path, forbidden) {
				writeError(w, &gateError{http.StatusBadRequest, "", "The request was rejected because the URL contained a potentially malicious String \"" + forbidden + "\""})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// decode reads a JSON value into a struct.
func decode(value, out any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, out)
}

// clone copies a JSON value deeply.
func clone(object map[string]any) map[string]any {
	out, _ := cloneValue(object).(map[string]any)
	return out
}

func cloneValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key := range v {
			out[key] = cloneValue(v[key])
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = cloneValue(v[i])
		}
		return out
	default:
		return v
	}
}

func textOf(object map[string]any, key string) string {
	s, _ := object[key].(string)
	return s
}

func listOf(object map[string]any, key string) []any {
	l, _ := object[key].([]any)
	return l
}

func objectOf(object map[string]any, key string) map[string]any {
	o, _ := object[key].(map[string]any)
	return o
}
