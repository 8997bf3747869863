package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// startTimeout bounds one server's coming up. It is long, since the tests of a whole module may run beside it.
	startTimeout = 2 * time.Minute
	// portAttempts is how often a server is started when somebody else keeps taking its port.
	portAttempts = 5
	// pollInterval is the time between two questions whether a server is ready.
	pollInterval = 50 * time.Millisecond
)

// server is how one server is started, and how it is asked whether it serves.
type server struct {
	name  string // unique in the lab
	tier  int    // it may need servers of lower tiers, so those of higher tiers are stopped first
	ports int    // how many it listens on
	// command prepares the server's process. Its context never ends: Close stops a server, not the end of Start's.
	command func(ctx context.Context, ports []string) *exec.Cmd
	// ready asks once. Its answer must prove that this server speaks, not another one that took the port: by a
	// certificate, a token or a name that only this lab knows.
	ready func(ctx context.Context, ports []string) error
}

// serve starts s and waits until it is ready. It returns the ports that s listens on. Close stops it.
func (l *Lab) serve(ctx context.Context, s server) (ports []string, err error) {
	for range portAttempts {
		if ports, err = freePorts(ctx, s.ports); err != nil {
			return nil, fmt.Errorf("start %s: %w", s.name, err)
		}
		l.report(s.name, Starting)
		p, err := startProcess(l.spawner, s.name, s.command(context.WithoutCancel(ctx), ports), l.logs())
		if err != nil {
			return nil, err
		}
		err = p.await(ctx, func(ctx context.Context) error { return s.ready(ctx, ports) })
		if err == nil {
			l.watch(s.tier, p)
			l.report(s.name, Ready)
			return ports, nil
		}
		refused := p.hasEnded() && p.portTaken()
		p.stop()
		if !refused {
			return nil, err
		}
	}
	return nil, fmt.Errorf("start %s: other programs took its port %d times in a row", s.name, portAttempts)
}

// await asks ready until it has no complaint, the process ends, or the time is up.
func (p *process) await(ctx context.Context, ready func(context.Context) error) error {
	last := errors.New("it was not asked")
	err := wait.PollUntilContextTimeout(ctx, pollInterval, startTimeout, true, func(ctx context.Context) (bool, error) {
		if p.hasEnded() {
			return false, p.ended()
		}
		last = ready(ctx)
		return last == nil, nil
	})
	if wait.Interrupted(err) {
		return fmt.Errorf("%s did not become ready: %w: %w; the last lines of %s:\n%s", p.name, err, last, p.log, p.tail())
	}
	return err
}

// freePorts returns n ports on which nobody listened a moment ago. Another program may take one before the server does;
// serve then tries again.
func freePorts(ctx context.Context, n int) ([]string, error) {
	var ports []string
	for range n {
		// All stay open until the end, or the same port could come twice.
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = listener.Close() }()
		ports = append(ports, strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
	}
	return ports, nil
}
