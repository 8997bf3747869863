// Package scenario puts a product into a running lab as a team would find it before a migration: its values
// repository on the git server, its services running in the old cluster, its pipelines in Spinnaker. Then it plays
// the people: it pushes markers and values, and starts and kills the daemon as an operator would.
//
// The demo and the end-to-end tests are both built on it.
package scenario
