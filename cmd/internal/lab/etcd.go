package lab

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
)

// startEtcd starts the store that both clusters share, each under a prefix of its own, and returns its URL.
func (l *Lab) startEtcd(ctx context.Context) (url string, err error) {
	name := rand.Text()
	ports, err := l.serve(ctx, server{
		name:  "etcd",
		ports: 2,
		command: func(ctx context.Context, ports []string) *exec.Cmd {
			client, peer := "http://127.0.0.1:"+ports[0], "http://127.0.0.1:"+ports[1]
			return l.command(ctx, "etcd",
				"--name", name,
				"--data-dir", filepath.Join(l.state.dir, "etcd"),
				"--listen-client-urls", client, "--advertise-client-urls", client,
				"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
				"--initial-cluster", name+"="+peer,
				"--unsafe-no-fsync", // the data need not survive the machine
			)
		},
		ready: func(ctx context.Context, ports []string) error {
			return etcdServes(ctx, "http://127.0.0.1:"+ports[0], name)
		},
	})
	if err != nil {
		return "", err
	}
	return "http://127.0.0.1:" + ports[0], nil
}

// etcdServes asks the etcd at url for its members, which it can tell only with a quorum; name must be among them.
func etcdServes(ctx context.Context, url, name string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v3/cluster/member/list",
		bytes.NewBufferString(`{"linearizable": true}`))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	var list struct{ Members []struct{ Name string } }
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		return err
	}
	for _, member := range list.Members {
		if member.Name == name {
			return nil
		}
	}
	return fmt.Errorf("etcd at %s does not list member %s", url, name)
}
