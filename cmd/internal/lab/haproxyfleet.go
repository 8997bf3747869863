package lab

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"text/template"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"cutover/reconciler/contract/labtest"
)

// What a fleet's backend is called, and its servers.
const (
	edgeBackend = "api"
	edgeFrom    = "old"
	edgeTo      = "new"
	edgeProxies = 3
)

//go:embed haproxy.cfg.tmpl
var haproxyTemplate string

var haproxyConfig = template.Must(template.New("haproxy.cfg").Parse(haproxyTemplate))

// fleet is three HAProxy processes in front of two upstreams.
type fleet struct {
	name      string
	upstreams map[string]*upstream // by cluster: labtest.Old and New
	proxies   []*proxy
}

// proxy is one HAProxy with a master process, as a service manager would run it.
type proxy struct {
	lab             *Lab
	name            string // edge-1
	node            string // unique among all labs: proves that an answer is this proxy's
	server          string // for people: lab/edge-1
	config          string // path
	frontend, admin reservation
	master          reservation // the master's own socket

	mu      sync.Mutex
	process *process // under mu; nil while it is stopped
}

// startFleet starts upstreams and proxies. clusters are the names that the upstreams go by, by cluster.
func (l *Lab) startFleet(ctx context.Context, name string, clusters map[string]string, requests *prometheus.CounterVec) (_ *fleet, err error) {
	f := &fleet{name: name, upstreams: make(map[string]*upstream)}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	for cluster, called := range clusters {
		if f.upstreams[cluster], err = startUpstream(ctx, called, requests); err != nil {
			delete(f.upstreams, cluster)
			return nil, err
		}
	}
	for i := range edgeProxies {
		p, err := l.newProxy(f, fmt.Sprintf("edge-%d", i+1))
		if err != nil {
			return nil, err
		}
		f.proxies = append(f.proxies, p)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range f.proxies {
		group.Go(func() error { return p.start(ctx) })
	}
	return f, group.Wait()
}

// newProxy reserves a proxy's ports and writes its configuration.
func (l *Lab) newProxy(f *fleet, name string) (_ *proxy, err error) {
	p := &proxy{lab: l, name: name, server: f.name + "/" + name, node: f.name + "." + name + "." + filepath.Base(l.state.dir)}
	var reserved []reservation
	defer func() {
		if err != nil {
			for _, r := range reserved {
				err = errors.Join(err, r.release())
			}
		}
	}()
	for _, r := range []*reservation{&p.frontend, &p.admin, &p.master} {
		if *r, err = reservePort(); err != nil {
			return nil, err
		}
		reserved = append(reserved, *r)
	}
	dir := filepath.Join(l.state.dir, "haproxy")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	p.config = filepath.Join(dir, f.name+"-"+name+".cfg")
	file, err := os.Create(p.config)
	if err != nil {
		return nil, err
	}
	type server struct {
		Name, Address string
		Weight        int
	}
	err = haproxyConfig.Execute(file, map[string]any{
		"Node": p.node, "Admin": p.admin.port, "Frontend": p.frontend.port, "Backend": edgeBackend, "Health": healthPath,
		"Servers": []server{
			{edgeFrom, f.upstreams[labtest.Old].listener.Addr().String(), 100},
			{edgeTo, f.upstreams[labtest.New].listener.Addr().String(), 0},
		},
	})
	return p, errors.Join(err, file.Close())
}

// description says where the fleet is.
func (f *fleet) description(control string) labtest.Edge {
	e := labtest.Edge{
		Backend: edgeBackend, From: edgeFrom, To: edgeTo,
		Control: control, Upstreams: make(map[string]labtest.Upstream),
	}
	for cluster, u := range f.upstreams {
		e.Upstreams[cluster] = labtest.Upstream{
			Cluster: u.cluster, URL: "http://" + u.listener.Addr().String(), Control: control + "/upstreams/" + cluster,
		}
	}
	for _, p := range f.proxies {
		e.Proxies = append(e.Proxies, labtest.Proxy{
			Name: p.name, Frontend: "http://" + p.frontend.address(), Admin: p.admin.address(), Control: control + "/proxies/" + p.name,
		})
	}
	return e
}

// close ends what startFleet got to.
func (f *fleet) close() error {
	var stopped sync.WaitGroup
	for _, p := range f.proxies {
		stopped.Go(p.stop)
	}
	stopped.Wait()
	var failures []error
	for _, p := range f.proxies {
		failures = append(failures, p.frontend.release(), p.admin.release(), p.master.release(), os.Remove(p.config))
	}
	for _, u := range f.upstreams {
		failures = append(failures, u.close())
	}
	return errors.Join(failures...)
}

// start starts a proxy that is stopped, and returns when it answers.
func (p *proxy) start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process != nil {
		return fmt.Errorf("%s runs already", p.server)
	}
	// -W: a master process, which reloads. -S: its socket. -db: in the foreground.
	cmd := p.lab.command(context.WithoutCancel(ctx), "haproxy", "-W", "-S", p.master.address(), "-db", "-f", p.config)
	process, err := startProcess(p.lab.spawner, p.server, cmd, p.lab.logs())
	if err != nil {
		return err
	}
	if err := process.await(ctx, func(ctx context.Context) error { _, err := p.worker(ctx); return err }); err != nil {
		process.stop()
		return err
	}
	p.process = process
	go p.mourn(process)
	return nil
}

// mourn tells the lab of a proxy that ends by itself.
func (p *proxy) mourn(process *process) {
	<-process.done
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process == process {
		p.process = nil
		select {
		case <-p.lab.closing:
		case p.lab.died <- process:
		default: // one death is enough to know
		}
	}
}

// stop ends the proxy, with the connections that it has. One that is stopped stays so.
func (p *proxy) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if process := p.process; process != nil {
		p.process = nil
		_ = signalGroup(process, syscall.SIGCONT) // or it would not hear the next one
		process.stop()
	}
}

// signal sends a signal to the proxy's processes.
func (p *proxy) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process == nil {
		return fmt.Errorf("%s is stopped", p.server)
	}
	return signalGroup(p.process, s)
}

// signalGroup signals the master and its workers.
func signalGroup(p *process, s syscall.Signal) error { return syscall.Kill(-p.cmd.Process.Pid, s) }

// reload does what a service manager's reload does: the master starts a new worker process from the configuration file,
// which takes over the listening sockets, and the old worker ends with its connections. It returns when the new one
// answers.
func (p *proxy) reload(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process == nil {
		return fmt.Errorf("%s is stopped", p.server)
	}
	before, err := p.worker(ctx)
	if err != nil {
		return fmt.Errorf("reload %s: %w", p.server, err)
	}
	if err := p.process.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
		return fmt.Errorf("reload %s: %w", p.server, err)
	}
	return p.process.await(ctx, func(ctx context.Context) error {
		now, err := p.worker(ctx)
		if err == nil && now == before {
			err = errors.New("the old process still answers")
		}
		return err
	})
}

// worker asks for the process number of the worker that serves.
func (p *proxy) worker(ctx context.Context) (pid string, err error) {
	lines, err := ask(ctx, p.admin.address(), "show info")
	if err != nil {
		return "", err
	}
	info := make(map[string]string)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		info[name] = value
	}
	if info["node"] != p.node || info["Stopping"] != "0" {
		return "", fmt.Errorf("node %q answers, stopping: %q", info["node"], info["Stopping"])
	}
	// The worker serves before the master listens to signals again: one that came too early would be lost.
	if lines, err = ask(ctx, p.master.address(), "show proc;quit"); err != nil {
		return "", err
	}
	if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, info["Pid"]+" ") }) {
		return "", fmt.Errorf("the master does not know process %s: %q", info["Pid"], lines)
	}
	return info["Pid"], nil
}

// ask gives HAProxy a command and returns the lines of its answer.
func ask(ctx context.Context, address, command string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	if _, err := conn.Write([]byte(command + "\n")); err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(conn)
	return strings.Split(string(answer), "\n"), err
}

// proxy returns the proxy of that name.
func (f *fleet) proxy(name string) (*proxy, bool) {
	i := slices.IndexFunc(f.proxies, func(p *proxy) bool { return p.name == name })
	if i < 0 {
		return nil, false
	}
	return f.proxies[i], true
}
