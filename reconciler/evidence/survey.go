package evidence

import "cutover/gitops/estate"

// Survey is how ready the new cluster is for what will come (step 1).
type Survey struct {
	// Unreachable says why the new cluster did not answer; "" if it did. Then the rest is unknown.
	Unreachable string
	// OldVersion and NewVersion are the clusters' Kubernetes versions, such as v1.37.2.
	OldVersion, NewVersion string
	// Nodes counts the new cluster's nodes that take Pods, and NodesReady those of them that are ready.
	Nodes, NodesReady int
	// Free is what the ready nodes have left for Pods; Needed is what those that will come ask for and do not
	// run there yet.
	Free, Needed Resources
	Releases     []Release
	// Unserved are the kinds that the estate renders and that the new cluster does not serve, such as
	// policy/v1beta1/PodDisruptionBudget.
	Unserved []string
	// Rejected are the objects that the new cluster would not take; a dry run asked it.
	Rejected []Rejection
}

// Resources are what Pods ask for.
type Resources struct {
	MilliCPU int64 // thousandths of a core
	Memory   int64 // bytes
	Pods     int64
}

// Release is an infrastructure chart that the migration names, and how it stands.
type Release struct {
	estate.Release
	Healthy bool
	Reason  string // why it is not
}

// Rejection is an object that the new cluster would not take.
type Rejection struct {
	Service estate.ServiceID
	Object  string // kind, namespace and name
	Reason  string
}
