package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/hashicorp/vault/api"

	"cutover/reconciler/failure"
)

// foreign is said of an answer that Vault does not give.
const foreign = "the answer is not Vault's: is there a proxy in front of it?"

// errDenied is failure.ErrRefused because of a policy.
var errDenied = fmt.Errorf("%w: permission denied", failure.ErrRefused)

// translate says what the caller must do about an error of the API, in one line. The API's own text spans many.
func translate(err error) error {
	if err == nil {
		return nil
	}
	var answer *api.ResponseError
	var request *url.Error
	switch {
	case errors.As(err, &answer):
		return answered(answer)
	case errors.As(err, &request) && (errors.Is(err, failure.ErrNotFound) || errors.Is(err, failure.ErrTransient)):
		return request.Err // of genuine
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: no answer in time", failure.ErrTransient)
	default:
		return fmt.Errorf("%w: %w", failure.ErrTransient, err)
	}
}

func answered(a *api.ResponseError) error {
	said := "Vault gave no reason"
	if a.RawError {
		// It is not Vault's, and may be a page of anything.
		said = foreign
	} else if len(a.Errors) > 0 {
		said = oneLine(strings.Join(a.Errors, "; "))
	}
	text := strings.ToLower(said)
	status := a.StatusCode
	switch {
	case status == http.StatusServiceUnavailable && strings.Contains(text, "sealed"):
		return fmt.Errorf("%w: Vault is sealed: somebody has to unseal it", failure.ErrTransient)
	case status == http.StatusTooManyRequests && a.RawError, status == 473, status == 472:
		return fmt.Errorf("%w: the Vault node is a standby that does not forward requests", failure.ErrTransient)
	case status == http.StatusForbidden:
		return errDenied
	case status == http.StatusNotFound:
		return fmt.Errorf("%w: %s", failure.ErrNotFound, said)
	case status == http.StatusBadRequest && strings.Contains(text, "check-and-set parameter did not match"):
		return fmt.Errorf("%w: the secret has another version than was read", failure.ErrConflict)
	case status == http.StatusBadRequest && strings.Contains(text, "upgrading from non-versioned"):
		return fmt.Errorf("%w: the secrets engine prepares its storage", failure.ErrTransient)
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusPreconditionFailed, status == http.StatusTooManyRequests,
		status >= 300 && status < 400:
		return fmt.Errorf("%w: %d: %s", failure.ErrTransient, status, said)
	default:
		return fmt.Errorf("%w: %d: %s", failure.ErrRefused, status, said)
	}
}

// longestReason bounds a reason that people read, in bytes.
const longestReason = 300

// oneLine folds a text into one line of bounded length.
func oneLine(text string) string {
	line := strings.Join(strings.Fields(text), " ")
	if len(line) > longestReason {
		line = strings.ToValidUTF8(line[:longestReason], "") + "..."
	}
	return line
}
