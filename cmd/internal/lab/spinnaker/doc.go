// Package spinnaker is a stand-in for Spinnaker in the lab: Gate's API as docs/spinnaker.md describes it, with
// its oddities, and an orchestrator that executes pipelines for real. bakeManifest renders with Helm from charts
// and values in git, and the manifest stages work on Kubernetes clusters and wait until they are stable.
//
// State is in memory. The Server can be told to fail (see Fault), and counts what was asked of it (see Stats),
// so that a test can prove that nothing happened twice.
//
// The hazard: it asks nobody for a password, and runs the webhooks of whoever can reach it. It belongs on
// loopback.
package spinnaker
