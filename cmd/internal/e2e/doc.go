// Package e2e tests the program as a whole: the built daemon, as a process of its own, against the lab's real servers.
package e2e
