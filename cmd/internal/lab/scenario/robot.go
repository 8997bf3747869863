package scenario

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// robot is the git host's user as whom the daemon works, so that what it says is told from what people say.
type robot struct{ name, password, token string }

// newRobot creates the daemon's user and lets it write to the values repository.
func (s *Scenario) newRobot(ctx context.Context) (robot, error) {
	r := robot{name: "cutover-" + strings.ToLower(rand.Text()[:12]), password: rand.Text()}
	for _, call := range []struct {
		method, path string
		body, into   any
		asRobot      bool
	}{
		{http.MethodPost, "/admin/users", map[string]any{
			"username": r.name, "email": r.name + "@example.com", "password": r.password, "must_change_password": false,
		}, nil, false},
		{http.MethodPost, "/users/" + r.name + "/tokens", map[string]any{"name": "daemon", "scopes": []string{"all"}}, &r, true},
		{http.MethodPut, "/repos/" + s.repository() + "/collaborators/" + r.name, map[string]any{"permission": "write"}, nil, false},
	} {
		if err := s.gitea(ctx, call.method, call.path, call.body, call.into, r, call.asRobot); err != nil {
			return r, fmt.Errorf("make the daemon's user at the git host: %w", err)
		}
	}
	return r, nil
}

// UnmarshalJSON reads the answer that has the token.
func (r *robot) UnmarshalJSON(data []byte) error {
	var answer struct {
		SHA1 string `json:"sha1"`
	}
	err := json.Unmarshal(data, &answer)
	r.token = answer.SHA1
	return err
}

// gitea makes one call of Gitea's own API, for what go-scm has no method.
func (s *Scenario) gitea(ctx context.Context, method, path string, body, into any, r robot, asRobot bool) error {
	payload, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, s.Lab.Git.URL+"/api/v1"+path, bytes.NewReader(payload))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if asRobot {
		request.SetBasicAuth(r.name, r.password)
	} else {
		request.Header.Set("Authorization", "token "+s.Lab.Git.Token)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}
