package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"cutover/reconciler/failure"
)

// largestAnswer bounds what is held of one answer. An application's pipelines are well below 1 MiB.
const largestAnswer = 32 << 20

// answerError is an answer of Gate that is not what was asked for.
type answerError struct {
	kind         error // one of package failure
	method, path string
	status       int    // 0 if no answer came
	message      string // Gate's own words
}

func (e *answerError) Error() string {
	call := e.method + " " + e.path
	if e.status != 0 {
		call += fmt.Sprintf(": %d %s", e.status, http.StatusText(e.status))
	}
	return fmt.Sprintf("%s: %s: %s", call, e.kind, e.message)
}

func (e *answerError) Unwrap() error { return e.kind }

// plain takes from an error what net/http wraps around it: the method and the whole URL, which answerError
// already tells without the query.
func plain(err error) error {
	var answer *answerError
	var request *url.Error
	switch {
	case errors.As(err, &answer):
		return answer
	case errors.As(err, &request):
		return fmt.Errorf("%w: %w", failure.ErrTransient, request.Err)
	default:
		return err
	}
}

// checker is the transport below spin's API. It lets an answer pass only if that API can read it right: spin
// takes a redirect for success, and returns neither value nor error for a body that is not JSON.
type checker struct {
	base    http.RoundTripper
	session *session
}

// RoundTrip implements http.RoundTripper.
func (t *checker) RoundTrip(r *http.Request) (*http.Response, error) {
	fail := func(kind error, status int, message string) error {
		return &answerError{kind, r.Method, r.URL.Path, status, message}
	}
	response, err := t.base.RoundTrip(r)
	if err != nil {
		if cause := r.Context().Err(); cause != nil {
			return nil, fail(fmt.Errorf("%w: %w", failure.ErrTransient, cause), 0, "no answer in time")
		}
		return nil, fail(failure.ErrTransient, 0, err.Error())
	}
	defer func() { _ = response.Body.Close() }()
	status := response.StatusCode
	body, err := io.ReadAll(io.LimitReader(response.Body, largestAnswer+1))
	switch {
	case err != nil:
		return nil, fail(failure.ErrTransient, status, "the answer broke off")
	case len(body) > largestAnswer:
		return nil, fail(failure.ErrRefused, status, fmt.Sprintf("the answer is larger than %d MiB", largestAnswer>>20))
	case status >= 300 && status < 400, status == http.StatusUnauthorized:
		return nil, fail(t.session.loggedOut(loginOf(r.Context())), status, "Gate asks for a log-in: check the authentication in the spin configuration")
	case status == http.StatusNotFound && !isGates(body):
		return nil, fail(failure.ErrTransient, status, "the answer is not Gate's own: is there a proxy or an ingress in front of it that has no route?")
	case status >= 400:
		return nil, fail(kindOf(status), status, message(body))
	case len(body) > 0 && !isJSON(response.Header.Get("Content-Type"), body):
		return nil, fail(failure.ErrTransient, status, "the answer is not JSON: is there a proxy or a login page in front of Gate?")
	}
	loginOf(r.Context()).prove()
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// isGates tells Gate's own 404 (Spring's DefaultErrorAttributes, which name the status) from that of a mesh or an ingress
// for a moment without a route: "nothing is there" would start over what has been done.
func isGates(body []byte) bool {
	var says struct {
		Status int `json:"status"`
	}
	return json.Unmarshal(body, &says) == nil && says.Status == http.StatusNotFound
}

func kindOf(status int) error {
	switch {
	case status == http.StatusNotFound:
		return failure.ErrNotFound
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500:
		return failure.ErrTransient
	default:
		return failure.ErrRefused
	}
}

func isJSON(contentType string, body []byte) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json")) && json.Valid(body)
}

// message finds Gate's own words in the body of an error.
func message(body []byte) string {
	var answer struct {
		Message string `json:"message"`
		Error   string `json:"error"`
	}
	// An error page that is not JSON has nothing for us.
	_ = json.Unmarshal(body, &answer)
	for _, text := range []string{answer.Message, answer.Error} {
		if text != "" {
			return oneLine(text)
		}
	}
	return "Gate gave no reason"
}

// longestReason bounds a reason that people read, in bytes.
const longestReason = 500

// oneLine folds a text into one line of bounded length.
func oneLine(text string) string {
	line := strings.Join(strings.Fields(text), " ")
	if len(line) > longestReason {
		line = strings.ToValidUTF8(line[:longestReason], "") + "..."
	}
	return line
}
