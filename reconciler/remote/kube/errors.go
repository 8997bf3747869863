package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

// wrap says what was done to what, and what the caller must do about the error.
func wrap(verb string, ref object.Ref, err error) error {
	if err == nil {
		return nil
	}
	call := verb + " " + ref.String()
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", call, err)
	case namespaceMissing(err):
		return fmt.Errorf("%s: %w: namespace %s does not exist: create it, or let git name it", call, failure.ErrNotFound, ref.Namespace)
	case ref.Kind == "Secret" && ref.Group == "":
		return fmt.Errorf("%s: %w: %s", call, kindOf(err), withoutValues(err))
	default:
		return fmt.Errorf("%s: %w: %w", call, kindOf(err), err)
	}
}

func kindOf(err error) error {
	switch {
	case apierrors.IsNotFound(err):
		return failure.ErrNotFound
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), replaced(err):
		return failure.ErrConflict
	case misfit(err):
		return failure.ErrRefused
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err), apierrors.IsUnauthorized(err), apierrors.IsBadRequest(err),
		apierrors.IsMethodNotSupported(err), apierrors.IsRequestEntityTooLargeError(err), apierrors.IsUnsupportedMediaType(err):
		return failure.ErrRefused
	default:
		return failure.ErrTransient
	}
}

func namespaceMissing(err error) bool {
	details := statusOf(err).Details
	return apierrors.IsNotFound(err) && details != nil && details.Kind == "namespaces"
}

// replaced tells whether a write names the UID of an object in whose place there is another: to the API server, an
// attempt to change a field that cannot change.
func replaced(err error) bool {
	return apierrors.IsInvalid(err) && apierrors.HasStatusCause(err, metav1.CauseTypeFieldValueInvalid) &&
		slices.ContainsFunc(statusOf(err).Details.Causes, func(c metav1.StatusCause) bool { return c.Field == "metadata.uid" })
}

// misfit tells whether an object does not fit its kind's schema. The API server answers that with 500 and no
// reason, as if it were its own fault (k8s.io/apimachinery/pkg/util/managedfields, Apply).
func misfit(err error) bool {
	s := statusOf(err)
	return s.Reason == "" && (strings.HasPrefix(s.Message, "failed to create typed patch object") || strings.HasPrefix(s.Message, "failed to convert new object"))
}

// statusOf returns what the API server answered; the zero value if it did not.
func statusOf(err error) metav1.Status {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return metav1.Status{}
	}
	return status.Status()
}

// withoutValues tells an error about a Secret by the fields that are wrong: the API server's own text may quote
// what they hold.
func withoutValues(err error) string {
	status := statusOf(err)
	switch {
	case misfit(err):
		return "its fields do not fit the kind's schema; data must be base64"
	case status.Status == "":
		return err.Error() // from the network, before the server saw it
	}
	text := []string{string(status.Reason)}
	if status.Details != nil {
		for _, cause := range status.Details.Causes {
			text = append(text, strings.TrimSpace(cause.Field+" "+string(cause.Type)))
		}
	}
	return strings.Join(text, ", ")
}
