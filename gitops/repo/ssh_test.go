package repo_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"cutover/gitops/repo"
	"cutover/reconciler/failure"
)

// key is an SSH key in the forms that the two sides need.
type key struct {
	signer ssh.Signer
	pem    []byte
}

func newKey(t *testing.T) key {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return key{signer, pem.EncodeToMemory(block)}
}

// serveSSH serves the repositories below root to the holder of one key, and returns its address.
func serveSSH(t *testing.T, root string, host, client key) string {
	t.Helper()
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
		if string(offered.Marshal()) != string(client.signer.PublicKey().Marshal()) {
			return nil, errors.New("unknown key")
		}
		return new(ssh.Permissions), nil
	}}
	config.AddHostKey(host.signer)
	listener := listen(t)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveConn(conn, config, root)
		}
	}()
	return listener.Addr().String()
}

func serveConn(conn net.Conn, config *ssh.ServerConfig, root string) {
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		conn.Close()
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go func() {
			defer channel.Close()
			for request := range requests {
				if request.Type != "exec" {
					_ = request.Reply(false, nil)
					continue
				}
				_ = request.Reply(true, nil)
				// The payload is a string with its length: git-upload-pack '/name'.
				verb, path, _ := strings.Cut(string(request.Payload[4:]), " ")
				cmd := exec.Command("git", strings.TrimPrefix(verb, "git-"), filepath.Join(root, strings.Trim(path, "'")))
				cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
				// Not cmd.Stdin: a command that fails at once must not wait for the client.
				stdin, err := cmd.StdinPipe()
				if err != nil {
					return
				}
				go func() { _, _ = io.Copy(stdin, channel); stdin.Close() }()
				status := struct{ Status uint32 }{}
				if cmd.Run() != nil {
					status.Status = 1
				}
				_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(status))
				return
			}
		}()
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func sshConfig(t *testing.T, s *server, address string, host, client key) repo.Config {
	config := s.config(t, "values")
	config.URL = fmt.Sprintf("ssh://git@%s/values", address)
	config.Auth = repo.Auth{
		PrivateKey: client.pem,
		KnownHosts: []byte(knownhosts.Line([]string{address}, host.signer.PublicKey()) + "\n"),
	}
	return config
}

func TestSSH(t *testing.T) {
	s := newServer(t)
	dev := s.create(t, "values")
	host, client := newKey(t), newKey(t)
	address := serveSSH(t, s.root, host, client)
	r := open(t, sshConfig(t, s, address, host, client))
	if u := fetch(t, r); len(u.Heads) != 0 {
		t.Errorf("an empty repository has heads: %v", u.Heads)
	}
	first, err := r.Commit(t.Context(), change("main", "", "a", "1"))
	if err != nil {
		t.Fatal(err)
	}
	if u := fetch(t, r); u.Heads["main"] != first {
		t.Errorf("got %v", u.Heads)
	}
	dev.git("pull", "-q", "origin", "main")
	dev.write("a", "2")
	second := dev.push("main")
	if _, err := r.Commit(t.Context(), change("main", first, "b", "1")); !errors.Is(err, failure.ErrConflict) {
		t.Errorf("got %v, want a conflict", err)
	}
	if u := fetch(t, r); u.Heads["main"] != second || read(t, r, second, "a") != "2" {
		t.Errorf("got %v", u.Heads)
	}
	s.hook(t, "values", "pre-receive", "echo no entry >&2; exit 1")
	if _, err := r.Commit(t.Context(), change("main", second, "b", "1")); !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), "no entry") {
		t.Errorf("a protected branch: got %v", err)
	}
}

func TestSSHRefused(t *testing.T) {
	s := newServer(t)
	s.create(t, "values").push("main")
	host, client := newKey(t), newKey(t)
	address := serveSSH(t, s.root, host, client)
	for _, test := range []struct {
		name   string
		config repo.Config
		kind   error
		want   string
	}{
		{"wrong host key", sshConfig(t, s, address, newKey(t), client), failure.ErrRefused, "known_hosts"},
		{"wrong client key", sshConfig(t, s, address, host, newKey(t)), failure.ErrRefused, "knows the private key"},
		{"no such repository", func() repo.Config {
			config := sshConfig(t, s, address, host, client)
			config.URL += "-2"
			return config
		}(), failure.ErrNotFound, "does not exist"},
		{"nobody there", sshConfig(t, s, "127.0.0.1:1", host, client), failure.ErrTransient, "refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := repo.Open(t.Context(), test.config)
			if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// A server that accepts the connection and then says nothing.
func TestSSHTimeout(t *testing.T) {
	s := newServer(t)
	host, client := newKey(t), newKey(t)
	config := sshConfig(t, s, listen(t).Addr().String(), host, client)
	config.Timeout = 300 * time.Millisecond
	start := time.Now()
	_, err := repo.Open(t.Context(), config)
	if !errors.Is(err, failure.ErrTransient) {
		t.Errorf("got %v, want a temporary failure", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}
