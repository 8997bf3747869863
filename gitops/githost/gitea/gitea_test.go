// Package gitea_test has a real Gitea deliver its webhooks to the receiver. It is a package of its own because fuzzing
// the receiver instruments all that its tests import, and the lab's clients would make that slow.
package gitea_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cutover/gitops/githost"
	"cutover/reconciler/contract/labtest"
)

const secret = "s3cret"

func TestGiteaDelivers(t *testing.T) {
	lab := labtest.Get(t)
	path := strings.TrimSuffix(strings.TrimPrefix(lab.NewRepository(t), lab.Git.URL+"/"), ".git")
	receiver, err := githost.NewReceiver(githost.Config{Kind: githost.Gitea, Secret: []byte(secret)})
	if err != nil {
		t.Fatal(err)
	}
	events := make(chan githost.Event, 10)
	server := httptest.NewServer(receiver.Handler(func(e githost.Event) { events <- e }))
	t.Cleanup(server.Close)

	call(t, lab.Git, "/repos/"+path+"/hooks", map[string]any{
		"type": "gitea", "active": true, "events": []string{"push"},
		"config": map[string]string{"url": server.URL, "content_type": "json", "secret": secret},
	})
	call(t, lab.Git, "/repos/"+path+"/contents/a", map[string]any{
		"content": base64.StdEncoding.EncodeToString([]byte("1")), "message": "first", "branch": "main",
	})
	select {
	case e := <-events:
		if e.Kind != githost.Push || e.Repository != path || e.Branch != "main" || len(e.After) != 40 || e.Delivery == "" {
			t.Errorf("got %+v", e)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("no webhook was delivered")
	}
}

func call(t *testing.T, git labtest.Git, path string, body any) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, git.URL+"/api/v1"+path, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+git.Token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if said, _ := io.ReadAll(res.Body); res.StatusCode/100 != 2 {
		t.Fatalf("POST %s: %s: %s", path, res.Status, said)
	}
}
