// Package gitea_test has a real Gitea deliver its webhooks to the receiver. It is a package of its own because fuzzing
// the receiver instruments all that its tests import, and the lab's clients would make that slow.
package gitea_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-x/go-scm/scm"

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

	client, err := lab.Git.Client()
	if err != nil {
		t.Fatal(err)
	}
	hook := &scm.HookInput{Target: server.URL, Secret: secret, Events: scm.HookEvents{Push: true}}
	if _, _, err := client.Repositories.CreateHook(t.Context(), path, hook); err != nil {
		t.Fatal(err)
	}
	file := &scm.ContentParams{Branch: "main", Message: "first", Data: []byte("1")}
	if _, err := client.Contents.Create(t.Context(), path, "a", file); err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-events:
		if e.Kind != githost.Push || e.Repository != path || e.Branch != "main" || len(e.After) != 40 || e.Delivery == "" {
			t.Errorf("got %+v", e)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("no webhook was delivered")
	}
}
