package evidence

import "cutover/gitops/estate"

// Freeze is what could still change the old stack (step 8).
type Freeze struct {
	// Pipelines are the old stack's pipelines, sorted by application and name.
	Pipelines []FrozenPipeline
	// Foreign are pipelines that deploy to the old cluster and that git does not name: they are not ours to lock.
	Foreign []string
	// Running are the executions of the old stack's pipelines that are under way.
	Running []string
	// Reviews are the open pull requests that touch the product's values on the base branch.
	Reviews []FrozenReview
	// Opened are the services that break-glass lets through now.
	Opened []estate.BreakGlass
}

// FrozenPipeline is a pipeline of the old stack.
type FrozenPipeline struct {
	ID, Application, Name string
	Service               estate.ServiceID
	// Frozen says that it is disabled and locked by us; its state from before is kept in it.
	Frozen bool
	// Tampered says that it carries our freeze, but is enabled or unlocked all the same.
	Tampered bool
}

// FrozenReview is an open pull request of a developer.
type FrozenReview struct {
	Number int
	Commit string // its head
	URL    string
	// Services are those of the product whose values it touches.
	Services []estate.ServiceID
	// Blocked says that its head carries our failing commit status.
	Blocked bool
}
