package haproxy

import (
	"bufio"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"cutover/reconciler/contract/labtest"
)

// tap stands between the client and a real proxy, for what that one cannot be made to do by itself.
type tap struct {
	admin string // of the real proxy

	// prefix is put before what the client says.
	prefix string
	// guarded has the client's connections be of level operator from now on: they may read, and set nothing.
	guarded atomic.Bool
	// lose cuts the connection after the proxy obeyed a command with this word in it, before its answer.
	lose string
	// refuse cuts connections with this word in the command, so that the proxy never hears it.
	refuse string
	// after is called once, when a command with the word "weight" has been answered.
	after func()
	once  sync.Once
}

// through puts a tap before the first proxy of the fleet, and returns a client of the fleet that goes through it.
func through(t *testing.T, e labtest.Edge, p *tap) *Fleet {
	t.Helper()
	p.admin = e.Proxies[0].Admin
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "admin.sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.forward(conn)
		}
	}()
	admins := e.Admins()
	admins[e.Proxies[0].Name] = listener.Addr().String()
	f, err := New(Config{Proxies: admins})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (p *tap) forward(client net.Conn) {
	defer func() { _ = client.Close() }()
	line, err := bufio.NewReader(client).ReadString('\n')
	if err != nil || p.refuse != "" && strings.Contains(line, p.refuse) {
		return
	}
	proxy, err := net.Dial("tcp", p.admin)
	if err != nil {
		return
	}
	defer func() { _ = proxy.Close() }()
	prefix := p.prefix
	if p.guarded.Load() {
		prefix = "operator;"
	}
	if _, err := io.WriteString(proxy, prefix+line); err != nil {
		return
	}
	answer, err := io.ReadAll(proxy)
	if err != nil || p.lose != "" && strings.Contains(line, p.lose) {
		return
	}
	if p.after != nil && strings.Contains(line, " weight ") {
		p.once.Do(p.after)
	}
	// A prefix that is a command has an empty answer of its own.
	_, _ = client.Write(answer[strings.Count(prefix, ";"):])
}
