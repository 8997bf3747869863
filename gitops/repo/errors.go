package repo

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"golang.org/x/crypto/ssh/knownhosts"

	"cutover/reconciler/failure"
)

// maxReason is how much of a remote's answer an error shows, in bytes: a proxy answers with a whole page.
const maxReason = 300

// explain turns an error of an exchange with the remote into what the caller must do about it. It keeps the text of
// the error and not the error itself, so that no credentials travel inside.
func (r *remote) explain(ctx context.Context, call string, err error) error {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return fmt.Errorf("%s %s: %w", call, r.url, context.Canceled)
	}
	hint, kind := classify(err)
	return fmt.Errorf("%s %s: %w: %s%s", call, r.url, kind, r.scrub(err.Error()), hint)
}

func classify(err error) (hint string, kind error) {
	var status *githttp.Err
	var hostKey *knownhosts.KeyError
	var revoked *knownhosts.RevokedError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return " (it does not exist, or the credentials may not see it)", failure.ErrNotFound
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed):
		return " (check the username and the token)", failure.ErrRefused
	case strings.Contains(err.Error(), "ssh: unable to authenticate"):
		return " (check that the server knows the private key)", failure.ErrRefused
	case errors.As(err, &hostKey), errors.As(err, &revoked):
		return " (the server's key is not the one of known_hosts)", failure.ErrRefused
	case errors.As(err, &certificate):
		return " (check the CA certificate)", failure.ErrRefused
	case errors.As(err, &status) && status.StatusCode()/100 == 4 &&
		status.StatusCode() != http.StatusTooManyRequests && status.StatusCode() != http.StatusRequestTimeout:
		return "", failure.ErrRefused
	case errors.Is(err, errRejected):
		// What git says when another push holds the branch at this moment.
		for _, busy := range []string{"cannot lock ref", "failed to lock", "failed to update ref"} {
			if strings.Contains(err.Error(), busy) {
				return "", failure.ErrTransient
			}
		}
		return "", failure.ErrRefused
	}
	return "", failure.ErrTransient
}

// scrub makes one short line without credentials.
func (r *remote) scrub(reason string) string {
	for _, secret := range r.secrets {
		reason = strings.ReplaceAll(reason, secret, "***")
	}
	reason = strings.ToValidUTF8(strings.Join(strings.Fields(reason), " "), "?")
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "") + "..."
	}
	return reason
}

// basic is what HTTP basic authentication sends.
func basic(username, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
}
