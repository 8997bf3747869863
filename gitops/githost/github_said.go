package githost

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"cutover/gitops/review"
	"cutover/reconciler/failure"
)

func (g *githubHost) comments(ctx context.Context, number int) ([]review.Comment, error) {
	type comment struct {
		ID      int64       `json:"id"`
		User    *githubUser `json:"user"`
		Body    string      `json:"body"`
		Created time.Time   `json:"created_at"`
	}
	list, err := pages[comment](ctx, g.api, g.issue(number)+"/comments", g.list(), mostPages)
	if g.gitea && errors.Is(err, failure.ErrTransient) {
		// Gitea answers 500 if there is no such number.
		if _, missing := g.call(ctx, request{path: g.one(number)}, nil); errors.Is(missing, failure.ErrNotFound) {
			return nil, missing
		}
	}
	var all []review.Comment
	for _, c := range list {
		all = append(all, review.Comment{ID: c.ID, Author: c.User.login(), Text: c.Body, At: c.Created})
	}
	return all, err
}

// githubStances are the states of a review, of GitHub and of Gitea. Others are not said yet: a review that is being
// written, a review that is asked for.
var githubStances = map[string]stance{
	"APPROVED":          approves,
	"CHANGES_REQUESTED": rejects,
	"REQUEST_CHANGES":   rejects,
	"DISMISSED":         dismissed,
	"COMMENTED":         comments,
	"COMMENT":           comments,
}

func (g *githubHost) verdicts(ctx context.Context, p pull) ([]verdict, error) {
	type githubReview struct {
		ID        int64       `json:"id"`
		User      *githubUser `json:"user"`
		Body      string      `json:"body"`
		State     string      `json:"state"`
		Commit    string      `json:"commit_id"`
		Dismissed bool        `json:"dismissed"` // Gitea, which leaves the state as it was
		Submitted time.Time   `json:"submitted_at"`
	}
	list, err := pages[githubReview](ctx, g.api, g.one(p.Number)+"/reviews", g.list(), mostPages)
	var all []verdict
	for _, r := range list {
		s, ok := githubStances[r.State]
		if !ok {
			continue
		}
		if r.Dismissed {
			s = dismissed
		}
		all = append(all, verdict{
			Comment: review.Comment{ID: r.ID, Author: r.User.login(), Text: r.Body, At: r.Submitted},
			state:   s, commit: r.Commit,
		})
	}
	return all, err
}

func (g *githubHost) post(ctx context.Context, number int, text string) error {
	_, err := g.call(ctx, request{method: http.MethodPost, path: g.issue(number) + "/comments", body: map[string]string{"body": text}}, nil)
	return err
}

func (g *githubHost) edit(ctx context.Context, _ int, id int64, text string) error {
	path := fmt.Sprintf("%s/issues/comments/%d", g.root, id)
	_, err := g.call(ctx, request{method: http.MethodPatch, path: path, body: map[string]string{"body": text}}, nil)
	return err
}

func (g *githubHost) remove(ctx context.Context, _ int, id int64) error {
	_, err := g.call(ctx, request{method: http.MethodDelete, path: fmt.Sprintf("%s/issues/comments/%d", g.root, id)}, nil)
	return err
}

// statuses reads the combined status, in which each context is once, with its newest.
func (g *githubHost) statuses(ctx context.Context, commit string) ([]review.Status, error) {
	var all []review.Status
	for page, count := 1, 0; count < mostPages; count++ {
		var combined struct {
			Statuses []struct {
				State       string `json:"state"`
				GiteaState  string `json:"status"`
				Context     string `json:"context"`
				Description string `json:"description"`
				URL         string `json:"target_url"`
			} `json:"statuses"`
		}
		path := g.root + "/commits/" + url.PathEscape(commit) + "/status"
		answer, err := g.call(ctx, request{path: path, query: g.list("page", fmt.Sprint(page))}, &combined)
		if err != nil {
			return nil, err
		}
		for _, s := range combined.Statuses {
			all = append(all, review.Status{
				Context: s.Context, State: githubState(s.State + s.GiteaState), Text: s.Description, URL: s.URL,
			})
		}
		if answer.Page.Next <= page {
			break
		}
		page = answer.Page.Next
	}
	return all, nil
}

// githubState reads other people's statuses too, of which Gitea has more kinds.
func githubState(state string) review.StatusState {
	switch state {
	case "success", "warning", "skipped":
		return review.Success
	case "pending":
		return review.Pending
	}
	return review.Failure
}

func (g *githubHost) setStatus(ctx context.Context, commit string, s review.Status) error {
	in := map[string]string{"context": s.Context, "state": string(s.State), "description": s.Text, "target_url": s.URL}
	_, err := g.call(ctx, request{method: http.MethodPost, path: g.root + "/statuses/" + url.PathEscape(commit), body: in}, nil)
	return err
}
