package githost_test

import (
	"errors"
	"testing"

	"cutover/gitops/githost"
)

// FuzzWebhook gives bodies that are signed, so that they reach the parsers. Whatever they are, the answer is an event
// that is complete or an error of this package.
func FuzzWebhook(f *testing.F) {
	kinds := []githost.Kind{githost.GitHub, githost.Gitea, githost.GitLab, githost.Bitbucket, githost.BitbucketServer}
	for i, kind := range kinds {
		for _, event := range []string{"push", "ping", "Push Hook", "pull_request", "repo:push", "repo:refs_changed", ""} {
			body := githubPush("refs/heads/main", before, after)
			if kind == githost.GitLab {
				body = gitlabPush("refs/heads/main", before, none)
			}
			f.Add(uint8(i), event, body)
		}
		f.Add(uint8(i), "push", `{"ref":"refs/heads/main","commits":[{}],"repository":{"owner":null}}`)
		f.Add(uint8(i), "ping", `{"repository":null}`)
	}
	f.Fuzz(func(t *testing.T, kind uint8, event, body string) {
		k := kinds[int(kind)%len(kinds)]
		e, err := receiver(t, k).Parse(post(headers(k, event, body), body))
		switch {
		case errors.Is(err, githost.ErrBody):
		case err != nil:
			t.Errorf("a signed body gives %v", err)
		case e.Kind == githost.Push && e.Repository == "":
			t.Errorf("a push to nowhere: %+v", e)
		case e.Kind != githost.Push && e.Kind != githost.Ping && e.Kind != githost.Review && e.Kind != githost.Other:
			t.Errorf("no kind: %+v", e)
		}
	})
}
