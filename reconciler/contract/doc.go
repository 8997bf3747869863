// Package contract holds one test suite per port of the reconciler. Every implementation runs it: the adapter of
// the real system, and the in-memory doubles, so that a test against a double proves something.
package contract
