package githost

import (
	"slices"
	"time"

	"cutover/gitops/review"
)

// mostKey is the longest key of a status at Bitbucket.
const mostKey = 40

// buildStatus is a status of Bitbucket, Cloud and Server.
type buildStatus struct {
	Key         string    `json:"key"`
	Name        string    `json:"name"`
	State       string    `json:"state"`
	Description string    `json:"description"`
	URL         string    `json:"url"`
	Updated     time.Time `json:"updated_on,omitzero"` // Cloud's
}

var buildStates = map[review.StatusState]string{review.Pending: "INPROGRESS", review.Success: "SUCCESSFUL", review.Failure: "FAILED"}

func newBuildStatus(s review.Status, home string) buildStatus {
	out := buildStatus{Key: s.Context, Name: s.Context, State: buildStates[s.State], Description: s.Text, URL: s.URL}
	if len(out.Key) > mostKey {
		out.Key = shortKey(out.Key)
	}
	if out.URL == "" {
		out.URL = home
	}
	return out
}

func converted(list []buildStatus, home string) []review.Status {
	slices.SortStableFunc(list, func(a, b buildStatus) int { return b.Updated.Compare(a.Updated) })
	var all []review.Status
	for _, s := range list {
		out := review.Status{Context: s.Key, State: review.Failure, Text: s.Description, URL: s.URL}
		if s.Name != "" && (s.Key == s.Name || s.Key == shortKey(s.Name)) {
			out.Context = s.Name
		}
		switch s.State {
		case "SUCCESSFUL":
			out.State = review.Success
		case "INPROGRESS":
			out.State = review.Pending
		}
		if out.URL == home {
			out.URL = ""
		}
		all = append(all, out)
	}
	return all
}
