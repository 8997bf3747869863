package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"

	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"cutover/reconciler/failure"
)

// explain says what an error of Helm's client, or of our own, means for the caller. It leaves out whole URLs: where
// a registry sends its clients elsewhere, their queries are as good as a password.
func explain(err error, host string) error {
	var (
		answer  *errcode.ErrorResponse
		request *url.Error
		network net.Error
		file    *fs.PathError
	)
	switch {
	case errors.Is(err, errTooLarge), errors.Is(err, errArchive):
		return fmt.Errorf("%w: %w", failure.ErrRefused, err)
	case errors.As(err, &answer):
		return explainAnswer(answer)
	case errors.Is(err, errdef.ErrNotFound):
		return fmt.Errorf("%s: %w: push the chart, or correct the reference", host, failure.ErrNotFound)
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return fmt.Errorf("%s: %w: it asks for a log-in, and there is none for it", host, failure.ErrRefused)
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%s: %w: it speaks plain HTTP, which has not been allowed for this host", host, failure.ErrRefused)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w: no answer in time", host, failure.ErrTransient)
	case errors.Is(err, content.ErrMismatchedDigest), errors.Is(err, content.ErrTrailingData), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: %w: what it sent is not what the digest stands for", host, failure.ErrTransient)
	case errors.As(err, &request):
		return fmt.Errorf("%s: %w: %w", host, failure.ErrTransient, request.Err)
	case errors.As(err, &network), errors.As(err, &file):
		return fmt.Errorf("%w: %w", failure.ErrTransient, err)
	default:
		return fmt.Errorf("%s: %w: %w", host, failure.ErrRefused, err)
	}
}

// explainAnswer tells what a registry, or the server that makes its tokens, answered.
func explainAnswer(a *errcode.ErrorResponse) error {
	call := fmt.Sprintf("%s %s%s: %d %s", a.Method, a.URL.Host, a.URL.Path, a.StatusCode, http.StatusText(a.StatusCode))
	switch {
	case a.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s: %w: push the chart, or correct the reference", call, failure.ErrNotFound)
	case a.StatusCode == http.StatusUnauthorized, a.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%s: %w: check the log-in for the registry, and that it may read the chart", call, failure.ErrRefused)
	case a.StatusCode == http.StatusRequestTimeout, a.StatusCode == http.StatusTooManyRequests, a.StatusCode >= 500:
		return fmt.Errorf("%s: %w%s", call, failure.ErrTransient, reason(a))
	default:
		return fmt.Errorf("%s: %w%s", call, failure.ErrRefused, reason(a))
	}
}

// longestReason bounds what is repeated of a registry's own words, in bytes.
const longestReason = 500

// reason is a registry's own words, in one line that goes behind another.
func reason(a *errcode.ErrorResponse) string {
	if len(a.Errors) == 0 {
		return ""
	}
	words := strings.Join(strings.Fields(a.Errors.Error()), " ")
	if len(words) > longestReason {
		words = strings.ToValidUTF8(words[:longestReason], "") + "..."
	}
	return ": " + words
}
