package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jenkins-x/go-scm/scm"
	"k8s.io/apimachinery/pkg/util/wait"

	"cutover/gitops/estate"
)

// Begin makes the migration's branch, as a person does who wants it to begin: at main, and without a marker.
func (s *Scenario) Begin(ctx context.Context, m estate.Migration) error {
	return s.gitea(ctx, http.MethodPost, "/repos/"+s.repository()+"/branches",
		map[string]any{"new_branch_name": m.Branch, "old_branch_name": base}, nil, robot{}, false)
}

// Offer opens a person's pull request from a branch, and returns its number. A branch that is not there yet begins at the
// head of into.
func (s *Scenario) Offer(ctx context.Context, from, into, message string, files ...estate.File) (int, error) {
	u, err := s.people.Fetch(ctx)
	if err != nil {
		return 0, err
	}
	parent, ok := u.Heads[from]
	if !ok {
		parent = u.Heads[into]
	}
	if _, err := s.people.Commit(ctx, estate.Change{Branch: from, Parent: parent, Write: files, Message: message + "\n"}); err != nil {
		return 0, err
	}
	client, err := s.Lab.Git.Client()
	if err != nil {
		return 0, err
	}
	title, _, _ := strings.Cut(message, "\n")
	var p *scm.PullRequest
	// Gitea learns of a pushed branch a moment after the push, and answers 404 until then.
	err = wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
		opened, _, err := client.PullRequests.Create(ctx, s.repository(), &scm.PullRequestInput{Title: title, Head: from, Base: into})
		if errors.Is(err, scm.ErrNotFound) || err != nil && strings.Contains(err.Error(), "404") {
			return false, nil
		}
		p = opened
		return err == nil, err
	})
	if err != nil {
		return 0, fmt.Errorf("open a pull request from %s into %s: %w", from, into, err)
	}
	return p.Number, nil
}

// Review is a pull request as it is now.
func (s *Scenario) Review(ctx context.Context, number int) (*scm.PullRequest, error) {
	client, err := s.Lab.Git.Client()
	if err != nil {
		return nil, err
	}
	p, _, err := client.PullRequests.Find(ctx, s.repository(), number)
	return p, err
}

// Reviews are all pull requests, open or not.
func (s *Scenario) Reviews(ctx context.Context) ([]*scm.PullRequest, error) {
	client, err := s.Lab.Git.Client()
	if err != nil {
		return nil, err
	}
	var all []*scm.PullRequest
	for page := 1; ; page++ {
		list, _, err := client.PullRequests.List(ctx, s.repository(), &scm.PullRequestListOptions{Open: true, Closed: true, Size: 50, Page: page})
		all = append(all, list...)
		if err != nil || len(list) == 0 {
			return all, err
		}
	}
}

// Robot is the name of the daemon's user at the git host.
func (s *Scenario) Robot() string { return s.robot.name }
