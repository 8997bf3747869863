package evidence

import (
	"time"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
)

// Service is what is known of one service of the new stack.
type Service struct {
	ID    estate.ServiceID
	Class estate.Class
	// Running is the version that the old cluster runs; zero if it could not be read, and then Unknown says why.
	Running estate.Version
	Unknown string
	// Pinned is the version in versions.yaml; zero if none is pinned.
	Pinned estate.Version
	// Wanted identifies the objects that git names at the pinned version; "" if there are none.
	Wanted string
	// Blocked says why the service cannot be deployed as git names it: its objects cannot be rendered, the
	// cluster does not serve them, or applying them is refused.
	Blocked string
	// Deployments are the newest deployments that we started, newest first.
	Deployments []Deployment
	// Occupied says that somebody else's execution of the service's pipeline is under way; "" if none is.
	Occupied string
	// Present says which workload of an exclusive service the new cluster has; "" if it has none.
	Present string
	// OldPods and NewPods count the Pods of an exclusive service in each cluster, terminating ones too.
	OldPods, NewPods int
	// Since is when the old cluster's version began to differ from the pinned one; zero if it does not.
	Since time.Time
	// Ready says that the new cluster runs the service and that every object is healthy; Status says what
	// is still missing.
	Ready  bool
	Status string
}

// Deployment is one deployment that we started: an execution of the service's pipeline, or an apply.
type Deployment struct {
	Digest string // Wanted at the time
	Number int    // counts our deployments of this service, from 1
	ID     string // of the execution
	URL    string // where people look at it; "" if that is not known
	Status pipeline.Status
	Reason string // why it failed
	Ended  time.Time
}
