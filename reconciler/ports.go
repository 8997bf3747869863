package reconciler

import (
	"context"
	"io/fs"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/manifest"
	"cutover/reconciler/object"
)

// Errors of every port are wrapped around those of package failure.

// Source is what the reconciler reads of the values repository.
type Source interface {
	// Fetch asks the remote for its branches. After an error nothing is known of them.
	Fetch(ctx context.Context) (estate.Heads, error)
	// Tree is the files of a commit that was fetched.
	Tree(commit string) (fs.FS, error)
}

// History is what the reconciler asks about commits that were fetched.
type History interface {
	// Changed lists the paths that differ between two commits, sorted; failure.ErrNotFound if one is gone.
	Changed(from, to string) ([]string, error)
	// LastChange is the newest commit on head's first-parent line that changed path, or false if none did.
	LastChange(head, path string) (estate.Commit, bool, error)
}

// Charts are the charts in OCI registries.
type Charts interface {
	// Chart is the files of the chart that reference, oci://HOST/NAME:VERSION, names, by paths relative to its
	// root, sorted. They are shared: nobody may change them.
	Chart(ctx context.Context, reference string) ([]estate.File, error)
}

// Committer writes to the values repository.
type Committer interface {
	// Commit makes the change and pushes it, and returns the new head; the parent if there was nothing to
	// change. It fails with failure.ErrConflict if the branch moved meanwhile.
	Commit(ctx context.Context, c estate.Change) (string, error)
}

// Applications is Spinnaker's list of applications.
type Applications interface {
	// EnsureApplication creates the application unless it exists, and tells whether it did.
	EnsureApplication(ctx context.Context, a pipeline.Application) (bool, error)
}

// Pipelines is Spinnaker's store of pipeline configurations.
type Pipelines interface {
	// Pipelines lists an application's pipelines; none for an application that does not exist.
	Pipelines(ctx context.Context, application string) ([]pipeline.Document, error)
	Save(ctx context.Context, d pipeline.Document) error
	// Delete deletes a pipeline that still carries the mark it was listed with. A missing one is no error.
	Delete(ctx context.Context, d pipeline.Document) error
}

// Executions is what Spinnaker runs.
type Executions interface {
	// Trigger starts a pipeline and returns the execution's id. After failure.ErrTransient it may have started.
	Trigger(ctx context.Context, t pipeline.Trigger) (string, error)
	// Recent lists a pipeline's newest executions, newest first.
	Recent(ctx context.Context, application, pipelineID string, limit int) ([]pipeline.Execution, error)
	// Execution is one execution by its id; failure.ErrNotFound once Spinnaker has forgotten it.
	Execution(ctx context.Context, id string) (pipeline.Execution, error)
}

// Observer reads a cluster.
type Observer interface {
	Capabilities(ctx context.Context) (manifest.Capabilities, error)
	// Live is what the cluster holds of a set: the objects asked for by reference, and all that carry its mark.
	Live(ctx context.Context, set object.Set, refs []object.Ref) (object.Live, error)
}

// Applier writes to a cluster.
type Applier interface {
	EnsureNamespace(ctx context.Context, name string) error
	// Apply writes objects by server-side apply and gives them the set's mark.
	Apply(ctx context.Context, set object.Set, objects []object.Object) error
	// Prune deletes objects that carry the set's mark.
	Prune(ctx context.Context, set object.Set, refs []object.Ref) error
}

// Cluster is a Kubernetes cluster.
type Cluster interface {
	Observer
	Applier
}
