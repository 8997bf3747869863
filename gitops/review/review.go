// Package review is the nouns of a git host: pull requests, their comments, approvals and commit statuses.
package review

import "time"

// PullRequest is a request to merge one branch of the values repository into another.
type PullRequest struct {
	Number      int
	URL         string
	Title, Body string
	Author      string
	Head        string // name of the branch that is to be merged
	Commit      string // the newest commit of Head: a full hash, in hex
	Base        string // name of the branch that it is to be merged into
	// Fork says that Head is a branch of another repository.
	Fork   bool
	State  State
	Merged time.Time // zero unless State is Merged
}

// State is whether a pull request may still be merged.
type State string

// What a pull request can be.
const (
	Open   State = "open"
	Merged State = "merged"
	Closed State = "closed" // without having been merged
)

// Draft is a pull request as it should be.
type Draft struct {
	Head, Base  string
	Title, Body string
}

// Arrival is how a commit came to a branch.
type Arrival struct {
	Number    int    // of the pull request
	URL       string // of the pull request
	Commit    string // its head when it was merged
	MergedBy  string
	Approvers []string // who approved its last commit, sorted; nobody who also wrote it
	// Messages are those of the pull request's own commits, oldest first: a squash may have dropped them.
	Messages []string
}

// Status is what a commit's status says in one context.
type Status struct {
	Context string // such as cutover/eks/canary
	State   StatusState
	Text    string // at most 140 characters
	URL     string // of more about it; may be ""
}

// StatusState is the colour of a status.
type StatusState string

// What a status can say.
const (
	Pending StatusState = "pending"
	Success StatusState = "success"
	Failure StatusState = "failure"
)

// Comment is what somebody wrote under a pull request, or said in a review of it.
type Comment struct {
	ID     int64
	Author string
	Ours   bool // we wrote it ourselves
	Text   string
	At     time.Time
	// Approves says that it is a review that approves the pull request.
	Approves bool
}
