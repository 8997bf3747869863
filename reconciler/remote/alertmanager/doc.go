// Package alertmanager is the adapter for Alertmanager, by version 2 of its API.
//
// The promise: a silence that Silence returned mutes what its matchers select until its end, and nothing else changed.
// A silence is scoped: matchers that select every alarm are refused here, before Alertmanager sees them.
//
// The order: Silences, then Silence or Expire with an id from it. Silence and Expire look at the silence of the id before
// they write, since Alertmanager tells neither whose it is nor, in older versions, that it has ended.
//
// The hazard: after failure.ErrTransient a silence may have been created. List the owner's silences before creating
// another one; one too many only ends by itself.
//
// The calls are those of Alertmanager's own generated client, and matchers are parsed by Alertmanager's own package: the
// generated client brings a dozen small modules of go-openapi, half of which the Kubernetes client brings anyway, and the
// API's types stay those of its specification.
package alertmanager
