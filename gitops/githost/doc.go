// Package githost talks to the git host about what is not in git. So far it receives webhooks, which only say that
// there may be something to fetch: no decision rests on what a webhook says, so a lost, repeated, late or reordered
// delivery does no harm.
//
// A request is authenticated before its body is parsed, and its size is bounded before it is read.
package githost
