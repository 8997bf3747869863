// Package evidence is what the reconciler observed of the world, as plain data: of git and its host, Spinnaker, the
// clusters, Vault, IAM, Alertmanager, the edge proxies and the metrics.
//
// Adapters answer in these types, package phase decides on them, and package invariant checks them. Lists are sorted, so
// that the same world gives the same evidence. No type here can hold a secret's value.
package evidence
