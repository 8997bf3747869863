package phase

// Code names a reason in a closed vocabulary, for programs and for the pages that say what to do about it.
type Code string

// The codes. The text of a Reason says the same for people.
const (
	MarkerMissing Code = "marker-missing"
	MarkerPushed  Code = "marker-pushed"
	MarkerTrailer Code = "marker-trailer"
	MarkerMixed   Code = "marker-mixed"
	MarkerSkips   Code = "marker-skips"
	MarkerAttempt Code = "marker-attempt"
	// MarkerLost: the history of the branch has the marker that counted no more. The reconciler remembers it.
	MarkerLost Code = "marker-lost"
	// MarkerElsewhere: a pull request changes a marker on a branch where it does not count. The reconciler finds it.
	MarkerElsewhere Code = "marker-elsewhere"
	PhaseUnknown    Code = "phase-unknown"
	WeightUnknown   Code = "weight-unknown"
	Paused          Code = "paused"
	// BranchUnusable: the branch's newest commit cannot be read. The reconciler finds it.
	BranchUnusable Code = "branch-unusable"
	// Unseen: a system could not be looked at, and nothing is decided on what is missing.
	Unseen Code = "unseen"
	// Breached: an invariant does not hold, or would not hold after what is to be done. Next never says so: it is for
	// whoever checks its decisions.
	Breached Code = "breached"

	ClusterUnreachable Code = "cluster-unreachable" // step 1
	VersionSkew        Code = "version-skew"
	NodesUnready       Code = "nodes-unready"
	RoomShort          Code = "room-short"
	ReleaseUnhealthy   Code = "release-unhealthy"
	KindUnserved       Code = "kind-unserved"
	ObjectRejected     Code = "object-rejected"

	SecretsDenied    Code = "secrets-denied" // step 2
	SecretsPending   Code = "secrets-pending"
	FilesPending     Code = "files-pending" // step 3
	RoleMissing      Code = "role-missing"  // step 4
	RoleProblem      Code = "role-problem"
	TrustPending     Code = "trust-pending"
	PipelinesPending Code = "pipelines-pending" // step 5
	PipelineHeld     Code = "pipeline-refused"

	NamespacesPending Code = "namespaces-pending" // steps 6 and 10
	VersionUnknown    Code = "version-unknown"
	VersionsPending   Code = "versions-pending"
	ExclusivePresent  Code = "exclusive-present"
	ServiceBlocked    Code = "service-blocked"
	Deploying         Code = "deploying"
	DeployFailed      Code = "deploy-failed"

	SmokePending  Code = "smoke-pending" // steps 7 and 12
	SmokeRunning  Code = "smoke-running"
	SmokeApproval Code = "smoke-approval"
	SmokeFailed   Code = "smoke-failed"

	FreezePending Code = "freeze-pending" // step 8
	FreezeRunning Code = "freeze-running"
	FreezeForeign Code = "freeze-foreign"
	ThawPending   Code = "thaw-pending"

	MainConflict Code = "main-conflict" // step 9
	MainUnusable Code = "main-unusable"
	MainBehind   Code = "main-behind"

	SecretSyncLag    Code = "secret-sync-lag" // step 11
	LinksPending     Code = "links-pending"
	ClientRestarting Code = "client-restarting"
	Draining         Code = "draining"

	SilencePending Code = "silence-pending" // step 13
	SilenceOver    Code = "silence-over"

	ProxyUnreachable Code = "proxy-unreachable" // steps 14 and 15
	EdgeServerDown   Code = "edge-server-down"
	EdgeThirdServer  Code = "edge-third-server"
	WeightPending    Code = "weight-pending"
	Baking           Code = "baking"
	BakeInconclusive Code = "bake-inconclusive"
	ShareUnknown     Code = "share-unknown"
	ShareDisagrees   Code = "share-disagrees"
	CheckFailed      Code = "check-failed"
	WeightFailed     Code = "weight-failed"
	WeightPassed     Code = "weight-passed"

	Complete Code = "complete"
)

// Codes are all of them, in the order of the runbook.
var Codes = []Code{
	MarkerMissing, MarkerPushed, MarkerTrailer, MarkerMixed, MarkerSkips, MarkerAttempt, MarkerElsewhere, MarkerLost, PhaseUnknown, WeightUnknown,
	BranchUnusable, Unseen, Paused, Breached,
	ClusterUnreachable, VersionSkew, NodesUnready, RoomShort, ReleaseUnhealthy, KindUnserved, ObjectRejected,
	SecretsDenied, SecretsPending, FilesPending, RoleMissing, RoleProblem, TrustPending, PipelinesPending, PipelineHeld,
	NamespacesPending, VersionUnknown, VersionsPending, ExclusivePresent, ServiceBlocked, Deploying, DeployFailed,
	SmokePending, SmokeRunning, SmokeApproval, SmokeFailed,
	FreezePending, FreezeRunning, FreezeForeign, ThawPending,
	MainConflict, MainUnusable, MainBehind,
	SecretSyncLag, LinksPending, ClientRestarting, Draining,
	SilencePending, SilenceOver,
	ProxyUnreachable, EdgeServerDown, EdgeThirdServer, WeightPending, Baking, BakeInconclusive, ShareUnknown, ShareDisagrees, CheckFailed, WeightFailed, WeightPassed,
	Complete,
}

// acts are the codes of decisions that act or are done. All others can hold the migration back or refuse its marker, so
// that a person may want to know what to do.
var acts = map[Code]bool{
	SecretsPending: true, FilesPending: true, TrustPending: true, PipelinesPending: true, NamespacesPending: true,
	VersionsPending: true, SmokePending: true, FreezePending: true, ThawPending: true, MainBehind: true, LinksPending: true,
	SilencePending: true, SilenceOver: true, WeightPending: true, CheckFailed: true, WeightPassed: true, Complete: true,
}

// Waits says that a Hold or a Refuse can have the code.
func (c Code) Waits() bool { return !acts[c] }
