package vault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"cutover/reconciler/failure"
)

// genuine lets through only answers that are Vault's own. The API takes any JSON object for a secret, and any 404 for
// "nothing is there": a log-in page or a gateway without a route would make secrets out of nothing, and nothing out of
// secrets.
type genuine struct{ wire http.RoundTripper }

// RoundTrip implements http.RoundTripper. Its errors are those of package failure.
func (g genuine) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := g.wire.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if (answer.StatusCode < 200 || answer.StatusCode > 299) && answer.StatusCode != http.StatusNotFound {
		return answer, nil // it says by itself that it is an error
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		return nil, err
	}
	if err := vaults(r.Method, answer.StatusCode, body); err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// vaults fails unless Vault answers so (its http/logical.go and sdk/logical/response_util.go): with the request's id; to a
// write also with nothing; and 404 with an empty list of errors if there is no such secret. One with errors in it means
// that there is no such engine, or no such page of a gateway's.
func vaults(method string, status int, body []byte) error {
	if status == http.StatusNoContent && method != http.MethodGet {
		return nil
	}
	var says struct {
		RequestID string    `json:"request_id"`
		Errors    *[]string `json:"errors"`
	}
	switch err := json.Unmarshal(body, &says); {
	case err == nil && says.RequestID != "":
		return nil
	case err != nil || status != http.StatusNotFound || says.Errors == nil:
		return fmt.Errorf("%w: %d: %s", failure.ErrTransient, status, foreign)
	case len(*says.Errors) > 0:
		return fmt.Errorf("%w: %s", failure.ErrNotFound, oneLine(strings.Join(*says.Errors, "; ")))
	}
	return nil
}
