package reconciler

import (
	"context"
	"io/fs"
	"time"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/reconciler/evidence"
	"cutover/reconciler/manifest"
	"cutover/reconciler/object"
	"cutover/reconciler/record"
)

// Errors of every port are wrapped around those of package failure.

// Source is what the reconciler reads of the values repository.
type Source interface {
	// Fetch asks the remote for its branches. After an error nothing is known of them.
	Fetch(ctx context.Context) (estate.Heads, error)
	// Opened are the branches as an earlier process fetched them last; empty if none did.
	Opened() estate.Heads
	// Tree is the files of a commit that was fetched.
	Tree(commit string) (fs.FS, error)
}

// History is what the reconciler asks about commits that were fetched.
type History interface {
	// Changed lists the paths that differ between two commits, sorted; failure.ErrNotFound if one is gone.
	Changed(from, to string) ([]string, error)
	// LastChange is the newest commit on head's first-parent line that changed path, or false if none did.
	LastChange(head, path string) (estate.Commit, bool, error)
	// Changes are the commits on head's first-parent line that changed path, newest first, at most limit.
	Changes(head, path string, limit int) ([]estate.Commit, error)
	// Line are the commits on head's first-parent line, newest first, head among them, at most limit.
	Line(head string, limit int) ([]estate.Commit, error)
	// Between are the commits that theirs has and ours lacks, newest first.
	Between(ours, theirs string) ([]estate.Commit, error)
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

// Merger brings one branch's changes to another by path.
type Merger interface {
	// Divergence compares what happened on two commits since they parted: what a merge of theirs into ours would take,
	// and what it could not.
	Divergence(ctx context.Context, ours, theirs string) (estate.Divergence, error)
	// Merge makes and pushes a commit on branch, whose head must still be c.Parent, with theirs as its second parent:
	// the files of Parent, with every path taken that only theirs changed, and then c.Write and c.Remove. It fails with
	// failure.ErrRefused if paths are in conflict, and with failure.ErrConflict if the branch moved meanwhile.
	Merge(ctx context.Context, c estate.Change, theirs string) (string, error)
}

// Branches creates and deletes branches.
type Branches interface {
	// Propose makes branch point at a new commit with the change on top of c.Parent, whatever it pointed at before, and
	// returns the commit. The same change on the same parent gives the same commit, and pushes nothing the second time.
	Propose(ctx context.Context, c estate.Change) (string, error)
	// DeleteBranch deletes a branch that points at head; one that is not there is no error. It fails with
	// failure.ErrConflict if the branch has moved on.
	DeleteBranch(ctx context.Context, branch, head string) error
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
	// Running lists an application's executions that have not ended.
	Running(ctx context.Context, application string) ([]pipeline.Execution, error)
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
	Surveyor
	Workloads
}

// Reviews are the pull requests of the values repository's host.
type Reviews interface {
	// Open lists the open pull requests, sorted by number.
	Open(ctx context.Context) ([]review.PullRequest, error)
	// Ensure gives the pull request from d.Head into d.Base: the open one, brought up to date with d, or a new one.
	// Two calls at once open one.
	Ensure(ctx context.Context, d review.Draft) (review.PullRequest, error)
	// Close closes a pull request without merging it. One that is not open is no error.
	Close(ctx context.Context, number int) error
	// Paths are the paths that a pull request changes, sorted.
	Paths(ctx context.Context, number int) ([]string, error)
	// File is a file as it is at a commit; failure.ErrNotFound if there is none.
	File(ctx context.Context, commit, path string) ([]byte, error)
	// Arrival tells by which merged pull request into branch a commit came; failure.ErrNotFound if by none.
	Arrival(ctx context.Context, branch, commit string) (review.Arrival, error)
}

// Conversations are what is said about pull requests and commits.
type Conversations interface {
	// Comments lists what was said under a pull request and in its reviews, oldest first.
	Comments(ctx context.Context, number int) ([]review.Comment, error)
	// Comment puts our comment of that mark under a pull request, or edits it in place if its text is another. There is
	// never a second one of the same mark.
	Comment(ctx context.Context, number int, mark, text string) error
	// Statuses are the newest statuses of a commit, one for each context, sorted by context.
	Statuses(ctx context.Context, commit string) ([]review.Status, error)
	// SetStatus sets a commit's status in a context, unless it is so already.
	SetStatus(ctx context.Context, commit string, s review.Status) error
}

// Secrets is the store of the product's secrets.
type Secrets interface {
	// Compare tells in what the copy differs, and what the policies that the copy needs lack. Values are compared by
	// keyed hash. An original without any secret is failure.ErrRefused.
	Compare(ctx context.Context, t evidence.SecretTree) (evidence.Secrets, error)
	// Copy gives the copies of the given paths what they lack, and, if t says so, the original's values for what differs.
	// What a copy held stays as an older version of it; what the original lacks is left alone.
	Copy(ctx context.Context, t evidence.SecretTree, paths []string) error
}

// Roles are the roles of IAM.
type Roles interface {
	// Role tells whom the role lets in, and whether the principal is among them.
	Role(ctx context.Context, name, principal string) (evidence.Role, error)
	// Trust adds the principal to the role's trust policy, and changes nothing else in it. It fails with
	// failure.ErrConflict if somebody else changes the policy meanwhile.
	Trust(ctx context.Context, name, principal string) error
	// Distrust removes what Trust added, and only that. It is the undo of step 4, which no step before cleanup (22) asks for:
	// going back leaves the principal in.
	Distrust(ctx context.Context, name, principal string) error
}

// Alarms is Alertmanager.
type Alarms interface {
	// Silences lists the active silences of an owner, sorted by id.
	Silences(ctx context.Context, owner string) ([]evidence.Silence, error)
	// Silence creates the silence, or changes the one of its id; without an id, the one of the same owner and matchers that
	// has not ended, if there is one. It returns the id, which a change may renew.
	Silence(ctx context.Context, s evidence.Silence) (string, error)
	// Expire ends a silence of an owner now. One that has ended is no error; one of another owner is failure.ErrRefused.
	Expire(ctx context.Context, id, owner string) error
}

// Edge is the fleet of proxies that splits the traffic.
type Edge interface {
	// Proxies reads the two servers of a backend at every named proxy, in the order of the names. A proxy that does not
	// answer, or has no such servers, is in the list, with the reason.
	Proxies(ctx context.Context, names []string, backend, from, to string) ([]evidence.Proxy, error)
	// SetWeight gives server to the weight and server from the rest of 100 at every named proxy. It raises it at all of
	// them or at none: after an error those that were raised are put back. It lowers it wherever it can.
	SetWeight(ctx context.Context, names []string, backend, from, to string, weight int) error
}

// Measurements is Prometheus.
type Measurements interface {
	// Measure evaluates a query to one number; failure.ErrNotFound if it gives none.
	Measure(ctx context.Context, query string) (float64, error)
}

// Prober asks a service over HTTP, once.
type Prober interface {
	// Probe returns the status that a GET of url answers with, redirects not followed.
	Probe(ctx context.Context, url string) (int, error)
}

// Journal remembers.
type Journal interface {
	// Append writes an entry, and returns its id when it is safe on disk. After an error nothing was written.
	Append(ctx context.Context, e record.Entry) (int64, error)
	// End adds an action's result to its entry.
	End(ctx context.Context, id int64, outcome record.Outcome, reason string, at time.Time) error
	// Note gives a note of a migration, or false if there is none.
	Note(ctx context.Context, m estate.MigrationName, key string) (record.Note, bool, error)
	// SetNote writes a note over the one of the same key.
	SetNote(ctx context.Context, m estate.MigrationName, n record.Note) error
}

// Surveyor tells whether a cluster is ready for what will come.
type Surveyor interface {
	// Survey reads what the cluster has, and how the named releases stand. What it needs and what it does not serve are
	// not its to know.
	Survey(ctx context.Context, releases []estate.Release) (evidence.Survey, error)
	// DryRun asks the cluster which of the objects it would not take. It writes nothing.
	DryRun(ctx context.Context, objects []object.Object) ([]evidence.Rejection, error)
	// Version is the cluster's Kubernetes version, such as v1.37.2.
	Version(ctx context.Context) (string, error)
}

// Workloads is what the reconciler needs of running Pods.
type Workloads interface {
	// Pods lists the Pods of a namespace that a label selector matches, terminating ones too, sorted by name.
	Pods(ctx context.Context, namespace string, selector map[string]string) ([]object.Pod, error)
	// Restart sets an annotation in a workload's Pod template, as a field of its own manager, and so begins a rollout
	// unless the annotation is there already.
	Restart(ctx context.Context, workload object.Ref, annotation, value string) error
	// SecretKey reads one key of a Secret, from the API server itself, and tells which of the candidates it equals: its
	// index, or -1 for none of them. A Secret or key that is not there is failure.ErrNotFound. The value is compared, and
	// goes nowhere.
	SecretKey(ctx context.Context, secret object.Ref, key string, candidates []string) (int, error)
	// RunCronJob makes a Job of that name from a CronJob's template, unless it exists.
	RunCronJob(ctx context.Context, cronJob object.Ref, name string) error
}
