package kube_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
)

// away is a wire to an API server that can be cut and mended.
type away struct {
	server string // host:port

	mu       sync.Mutex
	address  string
	listener net.Listener
	open     []net.Conn
}

func newSwitch(t *testing.T, server string) *away {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	a := &away{server: u.Host, address: "127.0.0.1:0"}
	a.mend(t)
	t.Cleanup(a.cut)
	return a
}

// config is a configuration that reaches the server over the wire.
func (a *away) config(c *rest.Config) *rest.Config {
	c = rest.CopyConfig(c)
	c.Host = "https://" + a.address
	if host, _, err := net.SplitHostPort(a.server); err == nil && c.ServerName == "" && !c.Insecure {
		c.ServerName = host
	}
	return c
}

func (a *away) mend(t *testing.T) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", a.address)
	if err != nil {
		t.Fatal(err)
	}
	a.listener, a.address = listener, listener.Addr().String()
	go a.serve(listener)
}

func (a *away) serve(listener net.Listener) {
	for {
		in, err := listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", a.server)
		if err != nil {
			_ = in.Close()
			continue
		}
		a.mu.Lock()
		a.open = append(a.open, in, out)
		a.mu.Unlock()
		go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
		go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
	}
}

func (a *away) cut() {
	a.mu.Lock()
	defer a.mu.Unlock()
	_ = a.listener.Close()
	for _, c := range a.open {
		_ = c.Close()
	}
	a.open = nil
}
