package githost

import (
	"slices"
	"testing"
	"time"

	"cutover/gitops/review"
)

func TestApprovers(t *testing.T) {
	merged := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	p := pull{PullRequest: review.PullRequest{Author: "daemon", Commit: "head", Merged: merged}}
	said := func(hours int, who string, s stance, commit string) verdict {
		return verdict{review.Comment{Author: who, At: merged.Add(time.Duration(hours) * time.Hour)}, s, commit}
	}
	for _, test := range []struct {
		name     string
		verdicts []verdict
		want     []string
	}{
		{"nobody", nil, nil},
		{"two, sorted", []verdict{said(-1, "rev", approves, "head"), said(-1, "boss", approves, "head")}, []string{"boss", "rev"}},
		{"of an older head", []verdict{said(-1, "rev", approves, "old")}, nil},
		{"of both heads", []verdict{said(-2, "rev", approves, "old"), said(-1, "rev", approves, "head")}, []string{"rev"}},
		{"in the second of the merge", []verdict{said(0, "rev", approves, "head")}, []string{"rev"}},
		{"after the merge", []verdict{said(1, "rev", approves, "head")}, nil},
		{"and then rejected", []verdict{said(-1, "rev", rejects, "head"), said(-2, "rev", approves, "head")}, nil},
		{"and rejected before", []verdict{said(-2, "rev", rejects, "head"), said(-1, "rev", approves, "head")}, []string{"rev"}},
		{"and then commented", []verdict{said(-2, "rev", approves, "head"), said(-1, "rev", comments, "head")}, []string{"rev"}},
		{"dismissed", []verdict{said(-1, "rev", dismissed, "head")}, nil},
		{"by who opened it", []verdict{said(-1, "Daemon", approves, "head")}, nil},
		{"by who wrote a commit of it", []verdict{said(-1, "dev", approves, "head")}, nil},
		{"by somebody whose account is gone", []verdict{said(-1, "", approves, "head")}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := approvers(p, []commit{{login: "daemon"}, {login: "dev"}, {}}, test.verdicts)
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
