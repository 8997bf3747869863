// Package kube is the adapter to one Kubernetes cluster: it watches, applies server-side, and prunes.
//
// What a cluster holds is read from informers, one for each kind, started when the kind is first asked for. A kind
// whose watch is broken is never answered from an old cache: Live waits a moment and then fails, or, for a kind that
// matters only to pruning, says that its answer is incomplete.
//
// A set of objects is an ApplySet (KEP-3659): a parent ConfigMap lists the kinds that the set may contain, before
// any of them is written, and every member carries the set's label. Other tools that know the specification, such as
// kubectl, therefore see whose objects these are, and refuse to prune them.
//
// Writes say what they were decided on. An object that carries a UID is applied only to that object; one without must
// not exist yet, unless it is already a member. Deletions carry the UID of the object that was found to be a
// member. After a write the caller sees its result: Apply and Prune wait until the informers have it.
//
// What is decided once, and decides what may start, is asked of the API server itself and of no cache: how ready the cluster
// is (Survey), what it would take (DryRun, which writes nothing), which Pods there are (Pods), and what a Secret says
// (SecretKey, which compares it with what it may say and gives it to nobody).
//
// Errors are wrapped around those of package failure.
package kube
