// Package gate is the adapter for Spinnaker, by its API gateway Gate.
//
// The promise: a call that returns nil did what it says, as far as Gate can tell; every other answer is one of
// the errors of package failure. Gate says yes in many ways that mean no (a redirect to a login page, an empty
// 200, a 200 in HTML), so every answer is examined below the calls, in the transport, and no call can forget it.
//
// The order: read before you write. Pipelines notes each pipeline's updateTs, and Save refuses with
// failure.ErrConflict to overwrite one that was changed since, or that was never read.
//
// The hazard: after failure.ErrTransient a write may have had its effect. Saving and deleting may be repeated
// as they are. A trigger may not: look for the execution by its correlation id first (see Recent).
//
// Configuration, authentication and calls are those of Spinnaker's own command line, spin, v1.30.0. How Gate
// behaves, and where spin had to be helped, is told in docs/spinnaker.md.
package gate
