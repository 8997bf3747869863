package githost

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cutover/gitops/review"
)

func (b *bitbucketHost) comments(ctx context.Context, number int) ([]review.Comment, error) {
	type comment struct {
		ID      int64         `json:"id"`
		User    bitbucketUser `json:"user"`
		Created time.Time     `json:"created_on"`
		Deleted bool          `json:"deleted"`
		Content struct {
			Raw string `json:"raw"`
		} `json:"content"`
	}
	list, err := bitbucketPages[comment](ctx, b, b.one(number)+"/comments", b.list("sort", "created_on"), mostPages)
	var all []review.Comment
	for _, c := range list {
		if !c.Deleted {
			all = append(all, review.Comment{ID: c.ID, Author: c.User.login(), Text: c.Content.Raw, At: c.Created})
		}
	}
	return all, err
}

type bitbucketActivity struct {
	Approval *bitbucketSaid `json:"approval"`
	Changes  *bitbucketSaid `json:"changes_requested"`
	Update   *struct {
		Date   time.Time    `json:"date"`
		State  string       `json:"state"`
		Source bitbucketEnd `json:"source"`
	} `json:"update"`
}

type bitbucketSaid struct {
	Date time.Time     `json:"date"`
	User bitbucketUser `json:"user"`
}

func (b *bitbucketHost) activity(ctx context.Context, number int) ([]bitbucketActivity, error) {
	return bitbucketPages[bitbucketActivity](ctx, b, b.one(number)+"/activity", b.list(), mostPages)
}

// verdicts puts them together: an approval in the activity does not say which head it is of, but the updates say which
// one there was; and the participants say who still approves.
func (b *bitbucketHost) verdicts(ctx context.Context, p pull) ([]verdict, error) {
	var detail struct {
		Participants []struct {
			User     bitbucketUser `json:"user"`
			Approved bool          `json:"approved"`
		} `json:"participants"`
	}
	if _, err := b.call(ctx, request{path: b.one(p.Number)}, &detail); err != nil {
		return nil, err
	}
	still := map[string]bool{}
	for _, who := range detail.Participants {
		still[who.User.login()] = who.Approved
	}
	activity, err := b.activity(ctx, p.Number)
	if err != nil {
		return nil, err
	}
	headAt := func(at time.Time) string {
		var newest time.Time
		hash := ""
		for _, a := range activity {
			if u := a.Update; u != nil && !u.Date.After(at) && !u.Date.Before(newest) {
				newest, hash = u.Date, u.Source.Commit.Hash
			}
		}
		if hash != "" && strings.HasPrefix(p.Commit, hash) {
			return p.Commit
		}
		return hash
	}
	var all []verdict
	add := func(said *bitbucketSaid, s stance) {
		if said != nil {
			all = append(all, verdict{review.Comment{ID: said.Date.UnixMicro(), Author: said.User.login(), At: said.Date}, s, headAt(said.Date)})
		}
	}
	for _, a := range activity {
		if a.Approval != nil && !still[a.Approval.User.login()] {
			add(a.Approval, dismissed)
			continue
		}
		add(a.Approval, approves)
		add(a.Changes, rejects)
	}
	return all, nil
}

func (b *bitbucketHost) say(ctx context.Context, method, path, text string) error {
	in := map[string]any{"content": map[string]string{"raw": text}}
	_, err := b.call(ctx, request{method: method, path: path, body: in}, nil)
	return err
}

func (b *bitbucketHost) post(ctx context.Context, number int, text string) error {
	return b.say(ctx, http.MethodPost, b.one(number)+"/comments", text)
}

func (b *bitbucketHost) edit(ctx context.Context, number int, id int64, text string) error {
	return b.say(ctx, http.MethodPut, fmt.Sprintf("%s/comments/%d", b.one(number), id), text)
}

func (b *bitbucketHost) remove(ctx context.Context, number int, id int64) error {
	_, err := b.call(ctx, request{method: http.MethodDelete, path: fmt.Sprintf("%s/comments/%d", b.one(number), id)}, nil)
	return err
}

func (b *bitbucketHost) statuses(ctx context.Context, commit string) ([]review.Status, error) {
	list, err := bitbucketPages[buildStatus](ctx, b, b.root+"/commit/"+url.PathEscape(commit)+"/statuses", b.list(), mostPages)
	return converted(list, b.home()), err
}

func (b *bitbucketHost) setStatus(ctx context.Context, commit string, s review.Status) error {
	path := b.root + "/commit/" + url.PathEscape(commit) + "/statuses/build"
	_, err := b.call(ctx, request{method: http.MethodPost, path: path, body: newBuildStatus(s, b.home())}, nil)
	return err
}
