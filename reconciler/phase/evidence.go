package phase

import (
	"time"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
)

// Evidence is what was observed of git, Spinnaker and the clusters, as plain data.
type Evidence struct {
	Marker     MarkerEvidence
	Files      []FileEvidence         // generated files that the branch should have otherwise
	Pipelines  []PipelineEvidence     // every pipeline of the new stack, and those that are one no longer
	Namespaces []estate.NamespaceName // namespaces that the new cluster lacks
	Services   []ServiceEvidence      // every service of the new stack
}

// MarkerEvidence is how the marker came to be what it is.
type MarkerEvidence struct {
	Commit string // the newest commit on the branch's first-parent line that changed the marker
	// Trailer is the value of the commit's Cutover-Phase trailer.
	Trailer string
	// Before is the marker that stood before the commit; zero if there was none.
	Before estate.Marker
	// Reviewed says that the commit arrived by a merged pull request, or that the configuration allows
	// markers to be pushed.
	Reviewed bool
}

// FileEvidence is a generated file that is not as the generator gives it.
type FileEvidence struct {
	Path  string
	State FileState
}

// FileState says what is wrong with a generated file.
type FileState string

// What can be wrong with a generated file. FileObsolete: the generator no longer gives it.
const (
	FileMissing  FileState = "missing"
	FileDiffers  FileState = "differs"
	FileObsolete FileState = "obsolete"
)

// PipelineEvidence is a pipeline of the new stack, and how Gate has it.
type PipelineEvidence struct {
	ID, Application, Name string
	State                 PipelineState
	Reason                string
}

// PipelineState says how a pipeline in Gate compares with the generated one.
type PipelineState string

// How a pipeline can compare.
const (
	PipelineSame     PipelineState = "same"
	PipelineMissing  PipelineState = "missing"
	PipelineDiffers  PipelineState = "differs"
	PipelineObsolete PipelineState = "obsolete"
	// PipelineRefused: it must not be saved, because one of its name is not ours, or Spinnaker does not take it.
	PipelineRefused PipelineState = "refused"
)

// ServiceEvidence is what is known of one service of the new stack.
type ServiceEvidence struct {
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
	Status pipeline.Status
	Reason string // why it failed
	Ended  time.Time
}
