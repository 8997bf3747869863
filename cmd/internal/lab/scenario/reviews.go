package scenario

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jenkins-x/go-scm/scm"
	"k8s.io/apimachinery/pkg/util/wait"
)

// repository is the values repository's name at the git host.
func (s *Scenario) repository() string { return s.Lab.Git.Username + "/" + s.Repository }

// AwaitReview waits for an open pull request from a branch that begins so, and returns it.
func (s *Scenario) AwaitReview(ctx context.Context, head string) (*scm.PullRequest, error) {
	client, err := s.Lab.Git.Client()
	if err != nil {
		return nil, err
	}
	var found *scm.PullRequest
	err = wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		list, _, err := client.PullRequests.List(ctx, s.repository(), &scm.PullRequestListOptions{Open: true, Size: 50, Page: 1})
		if err != nil {
			return false, err
		}
		for _, p := range list {
			if strings.HasPrefix(p.Source, head) {
				found = p
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return nil, fmt.Errorf("wait for a pull request from %s: %w", head, err)
	}
	return found, nil
}

// Merge merges a pull request as its reviewer, by a merge commit.
func (s *Scenario) Merge(ctx context.Context, number int) error {
	return s.MergeBy(ctx, number, "merge")
}

// MergeBy merges a pull request by a method of Gitea: merge, squash or rebase.
func (s *Scenario) MergeBy(ctx context.Context, number int, method string) error {
	client, err := s.Lab.Git.Client()
	if err != nil {
		return err
	}
	// Gitea tests in the background whether a pull request can be merged, and refuses to until it has.
	return wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
		answer, err := client.PullRequests.Merge(ctx, s.repository(), number, &scm.PullRequestMergeOptions{MergeMethod: method})
		if err == nil {
			return true, nil
		}
		if answer != nil && answer.Status == 405 {
			return false, nil
		}
		return false, fmt.Errorf("merge pull request #%d: %w", number, err)
	})
}

// Say comments on a pull request as a person.
func (s *Scenario) Say(ctx context.Context, number int, text string) error {
	client, err := s.Lab.Git.Client()
	if err != nil {
		return err
	}
	_, _, err = client.PullRequests.CreateComment(ctx, s.repository(), number, &scm.CommentInput{Body: text})
	return err
}

// Said are the comments under a pull request, oldest first.
func (s *Scenario) Said(ctx context.Context, number int) ([]*scm.Comment, error) {
	client, err := s.Lab.Git.Client()
	if err != nil {
		return nil, err
	}
	list, _, err := client.PullRequests.ListComments(ctx, s.repository(), number, &scm.ListOptions{Size: 50, Page: 1})
	return list, err
}

// AwaitSaid waits for a comment under a pull request that begins so, and returns it.
func (s *Scenario) AwaitSaid(ctx context.Context, number int, begins string) (string, error) {
	var found string
	err := wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		list, err := s.Said(ctx, number)
		if err != nil {
			return false, err
		}
		for _, c := range list {
			if text := strings.TrimSpace(hidden.ReplaceAllString(c.Body, "")); strings.HasPrefix(text, begins) {
				found = text
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return "", fmt.Errorf("wait for %q under pull request #%d: %w", begins, number, err)
	}
	return found, nil
}

// hidden is what a page does not show of a comment.
var hidden = regexp.MustCompile(`(?s)<!--.*?-->`)
