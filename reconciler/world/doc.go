// Package world is one universe in memory behind every port of the reconciler: git and its host, Spinnaker, two
// Kubernetes clusters, Vault, IAM, Alertmanager, the edge proxies and the metrics. Its parts know each other: a weight
// changes who gets requests, a request finds a Pod, and the Pod talks to the singleton whose address stood in its
// Secret when it began.
//
// A World has a clock of its own and does nothing by chance but what its seed gives, so that the same seed and the same
// calls, one at a time, make the same history. Time passes with every call, and with Advance.
//
// The program under test sees the world through a Process, which dies at a crash point; another Process sees what the
// first one left. People act through the World's own methods: they push, merge, trigger, edit and break things.
//
// The judge checks what must never happen (design, "Invariants") after every single change, on what the world itself
// knows and never on what the program believes. A Breach says when, what, and which call or event did it. Where people
// or faults broke something, the program is excused for that thing alone, and only until it has looked again: see excuses.
package world
