package githost

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"cutover/gitops/review"
)

type serverComment struct {
	ID      int64           `json:"id"`
	Version int             `json:"version"`
	Text    string          `json:"text"`
	Author  serverUser      `json:"author"`
	Created int64           `json:"createdDate"`
	Replies []serverComment `json:"comments"`
}

// serverActivity is one of the things that happened to a pull request; comments are only told here.
type serverActivity struct {
	ID            int64         `json:"id"`
	Created       int64         `json:"createdDate"`
	User          serverUser    `json:"user"`
	Action        string        `json:"action"` // COMMENTED, APPROVED, REVIEWED, UNAPPROVED, RESCOPED, MERGED and more
	CommentAction string        `json:"commentAction"`
	Comment       serverComment `json:"comment"`
	Commit        struct {
		ID string `json:"id"`
	} `json:"commit"`
}

func (s *serverHost) activities(ctx context.Context, number int) ([]serverActivity, error) {
	return serverPages[serverActivity](ctx, s, s.one(number)+"/activities", s.list(), mostPages)
}

func (s *serverHost) comments(ctx context.Context, number int) ([]review.Comment, error) {
	activities, err := s.activities(ctx, number)
	var all []review.Comment
	var add func(serverComment)
	add = func(c serverComment) {
		all = append(all, review.Comment{ID: c.ID, Author: c.Author.Name, Text: c.Text, At: time.UnixMilli(c.Created)})
		for _, reply := range c.Replies {
			add(reply)
		}
	}
	for _, a := range activities {
		if a.Action == "COMMENTED" && a.CommentAction == "ADDED" {
			add(a.Comment)
		}
	}
	return all, err
}

// verdicts takes the times from the activities, and what still counts, and for which commit, from the participants.
func (s *serverHost) verdicts(ctx context.Context, p pull) ([]verdict, error) {
	now, err := s.raw(ctx, p.Number)
	if err != nil {
		return nil, err
	}
	reviewed := map[string]string{}
	for _, r := range slices.Concat(now.Reviewers, now.Others) {
		if r.Status == "APPROVED" {
			reviewed[r.User.Name] = r.Reviewed
		}
	}
	activities, err := s.activities(ctx, p.Number)
	var all []verdict
	for _, a := range activities {
		v := verdict{Comment: review.Comment{ID: a.ID, Author: a.User.Name, At: time.UnixMilli(a.Created)}}
		switch a.Action {
		case "APPROVED":
			v.state, v.commit = approves, reviewed[a.User.Name]
			if v.commit == "" {
				v.state = dismissed
			}
		case "REVIEWED", "UNAPPROVED": // the first is "needs work"
			v.state = rejects
		default:
			continue
		}
		all = append(all, v)
	}
	return all, err
}

func (s *serverHost) comment(number int, id int64) string {
	return fmt.Sprintf("%s/comments/%d", s.one(number), id)
}

func (s *serverHost) post(ctx context.Context, number int, text string) error {
	_, err := s.call(ctx, request{method: http.MethodPost, path: s.one(number) + "/comments", body: map[string]string{"text": text}}, nil)
	return err
}

func (s *serverHost) version(ctx context.Context, number int, id int64) (int, error) {
	var c serverComment
	_, err := s.call(ctx, request{path: s.comment(number, id)}, &c)
	return c.Version, err
}

func (s *serverHost) edit(ctx context.Context, number int, id int64, text string) error {
	version, err := s.version(ctx, number, id)
	if err != nil {
		return err
	}
	in := map[string]any{"text": text, "version": version}
	_, err = s.call(ctx, request{method: http.MethodPut, path: s.comment(number, id), body: in}, nil)
	return err
}

func (s *serverHost) remove(ctx context.Context, number int, id int64) error {
	version, err := s.version(ctx, number, id)
	if err != nil {
		return err
	}
	query := url.Values{"version": {strconv.Itoa(version)}}
	_, err = s.call(ctx, request{method: http.MethodDelete, path: s.comment(number, id), query: query}, nil)
	return err
}

func statusPath(commit string) string {
	return "rest/build-status/1.0/commits/" + url.PathEscape(commit)
}

func (s *serverHost) statuses(ctx context.Context, commit string) ([]review.Status, error) {
	list, err := serverPages[buildStatus](ctx, s, statusPath(commit), s.list("orderBy", "newest"), mostPages)
	return converted(list, s.web), err
}

func (s *serverHost) setStatus(ctx context.Context, commit string, status review.Status) error {
	_, err := s.call(ctx, request{method: http.MethodPost, path: statusPath(commit), body: newBuildStatus(status, s.web)}, nil)
	return err
}
