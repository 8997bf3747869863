// Package failure is the vocabulary in which adapters tell the reconciler what went wrong, by what the caller
// must do about it. Adapters wrap one of these with the call's name and the reason:
//
//	fmt.Errorf("save pipeline %s: %w: %s", name, failure.ErrRefused, message)
package failure

import "errors"

var (
	// ErrNotFound: the thing does not exist. Asking again gives the same answer until someone makes it.
	ErrNotFound = errors.New("not found")
	// ErrTransient: the call may or may not have had its effect. Look again, then repeat it.
	ErrTransient = errors.New("temporary failure")
	// ErrConflict: somebody changed the thing since it was read. Read again, decide again.
	ErrConflict = errors.New("changed by someone else")
	// ErrRefused: the other side understood and said no. A person has to change something.
	ErrRefused = errors.New("refused")
)
