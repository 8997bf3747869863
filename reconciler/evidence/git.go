package evidence

import "cutover/gitops/estate"

// Marker is how the marker came to be what it is.
type Marker struct {
	Commit string // the newest commit on the branch's first-parent line that changed the marker
	// Trailer is the value of the commit's Cutover-Phase trailer, or of that of the commits that it merged; "" if none has
	// one, such as those of a host's button that reverts a merge.
	Trailer string
	// Before is the last marker that counted before the commit; zero if none did.
	Before estate.Marker
	// Reviewed says that the commit arrived by a merged pull request, or that the configuration allows
	// markers to be pushed.
	Reviewed bool
	// Others are the paths that changed together with the marker, such as generated files of the same pull
	// request; the marker has to come alone.
	Others []string

	PullRequest int      // number of the pull request that brought it; 0 if none did
	MergedBy    string   // who merged it
	Approvers   []string // who approved it
}

// File is a generated file that is not as the generator gives it.
type File struct {
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

// Main is what the base branch has and the migration's branch lacks.
type Main struct {
	Head string // of the base branch
	// Behind counts the commits of the base branch, on its first-parent line, that the migration's branch lacks;
	// 0 once it has been merged.
	Behind int
	// Commits are these, newest first; of many only the newest.
	Commits []estate.Commit
	// Take are the paths that a merge would take over, Conflicts those that both sides changed.
	Take      []string
	Conflicts []Conflict
	// Unusable says why what the base branch has cannot be read; "" if it can. Merging it would make the migration's
	// branch unusable, too.
	Unusable string
}

// Conflict is a path that both branches changed since they parted.
type Conflict struct {
	Path string
	// Ours and Theirs are the newest commits that changed it on the migration's branch and on the base branch.
	Ours, Theirs string
}
