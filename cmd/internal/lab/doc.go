// Package lab runs real servers on this machine for the demo and for the tests: two Kubernetes control planes whose
// Pods kwok brings to life, Gitea, Vault, HAProxy in front of two small upstreams, and the stand-in for Spinnaker's Gate.
//
// Start builds what is missing into a cache outside the repository, starts everything on the loopback interface and
// returns when each server has answered. Close leaves no process and no file behind. When the process that owns the lab
// is killed the kernel kills the servers, and the next Start removes the files.
//
// The owner must be able to find the repository (hack/lab has the build modules), so it runs inside a clone.
package lab
