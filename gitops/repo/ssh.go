package repo

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/net/proxy"
)

func sshAuth(endpoint *transport.Endpoint, config Config) (transport.AuthMethod, error) {
	user := endpoint.User
	if user == "" {
		user = gitssh.DefaultUsername
	}
	auth, err := gitssh.NewPublicKeys(user, config.Auth.PrivateKey, "")
	if err != nil {
		return nil, fmt.Errorf("the private key: %w", err)
	}
	// The library reads known hosts from files only.
	file := filepath.Join(config.Dir, "known_hosts")
	if err := os.WriteFile(file, config.Auth.KnownHosts, 0o600); err != nil {
		return nil, err
	}
	hosts, err := gitssh.NewKnownHostsDb(file)
	if err != nil {
		return nil, fmt.Errorf("the known hosts: %w", err)
	}
	auth.HostKeyCallback = hosts.HostKeyCallback()
	// Without this a server with several keys may show one that is not listed (go-git issue 1551).
	port := endpoint.Port
	if port == 0 {
		port = gitssh.DefaultPort
	}
	auth.HostKeyAlgorithms = hosts.HostKeyAlgorithms(net.JoinHostPort(endpoint.Host, strconv.Itoa(port)))
	return auth, nil
}

// deadlineScheme names the dialer that dialWithin registers.
const deadlineScheme = "cutover-deadline"

// dialWithin returns the URL of a proxy that is none: connections made through it end after the timeout, whatever
// happens. go-git takes no context while it makes an SSH connection, so a server that accepts and then says nothing
// would hold the caller for ever.
func dialWithin(timeout time.Duration) string {
	registerDialer()
	return deadlineScheme + "://" + timeout.String()
}

var registerDialer = sync.OnceFunc(func() {
	proxy.RegisterDialerType(deadlineScheme, func(u *url.URL, _ proxy.Dialer) (proxy.Dialer, error) {
		timeout, err := time.ParseDuration(u.Host)
		return deadlineDialer(timeout), err
	})
})

type deadlineDialer time.Duration

// Dial is never called; it makes this a proxy.Dialer.
func (d deadlineDialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialContext honours the proxy variables of the environment, as go-git does without a proxy of its own.
func (d deadlineDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	deadline := time.Now().Add(time.Duration(d))
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	conn, err := proxy.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(deadline); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
