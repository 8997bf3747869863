package contract

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

// EdgeFleet is the fleet as the reconciler uses it.
type EdgeFleet interface {
	Proxies(ctx context.Context, names []string, backend, from, to string) ([]evidence.Proxy, error)
	SetWeight(ctx context.Context, names []string, backend, from, to string, weight int) error
}

// EdgeWorld is a fleet of at least two proxies of a test's own, as a person finds it who starts it: server From has all
// the traffic, To has none, both are up, and nobody asked for anything yet.
type EdgeWorld struct {
	Fleet             EdgeFleet
	Names             []string
	Backend, From, To string

	// Send sends n requests through a proxy, each a session of its own, and returns when all are answered.
	Send func(t *testing.T, proxy string, n int)
	// Fail makes a share of the answers of server To errors, 0 to 1.
	Fail func(t *testing.T, share float64)
	// Ignore lets server To leave a share of the requests without an answer, 0 to 1.
	Ignore func(t *testing.T, share float64)
	// Down lets server To fail the checks of all proxies.
	Down func(t *testing.T)
	// Guard lets the first proxy be read from now on, and not changed.
	Guard func(t *testing.T, proxy string)
	// Mislay takes the server To out of a proxy's configuration.
	Mislay func(t *testing.T, proxy string)
	// Stop makes a proxy unreachable; Start starts it again, in its configuration.
	Stop, Start func(t *testing.T, proxy string)
	// Reload begins a new process of a proxy, in its configuration.
	Reload func(t *testing.T, proxy string)
	// Add adds a server to a proxy's backend, that is up and has a weight.
	Add func(t *testing.T, proxy, server string)
	// TakeOut is somebody who takes a server of a proxy out, for maintenance.
	TakeOut func(t *testing.T, proxy, server string)
}

// Edge holds an implementation to the contract of the reconciler's port Edge. Each call of open must give a new fleet.
func Edge(t *testing.T, open func(t *testing.T) EdgeWorld) {
	for name, check := range map[string]func(EdgeWorld, *testing.T){
		"a fleet begins with its configuration":              EdgeWorld.begins,
		"a weight is set at every proxy":                     EdgeWorld.everyProxy,
		"setting a weight again changes nothing":             EdgeWorld.again,
		"only the named proxies are touched, in their order": EdgeWorld.named,
		"sessions follow the weight":                         EdgeWorld.sessions,
		"errors are counted":                                 EdgeWorld.errors,
		"requests without an answer are counted":             EdgeWorld.ignored,
		"a server that fails its checks is not up":           EdgeWorld.failsChecks,
		"with one proxy down no weight rises":                EdgeWorld.down,
		"with one proxy down the others are lowered":         EdgeWorld.lowered,
		"a proxy that refuses keeps no weight up":            EdgeWorld.guarded,
		"a proxy without the servers hides no other":         EdgeWorld.mislaid,
		"a reload loses the weight and is seen":              EdgeWorld.reloaded,
		"a server that somebody took out is not up":          EdgeWorld.takenOut,
		"a name that nobody configured hides no other":       EdgeWorld.unknownName,
		"a third server is told, and weights are set":        EdgeWorld.third,
		"an unknown backend is not found":                    EdgeWorld.unknownBackend,
		"an unknown server is not found":                     EdgeWorld.unknownServer,
		"a weight that is no percent is refused":             EdgeWorld.noPercent,
	} {
		t.Run(name, func(t *testing.T) { check(open(t), t) })
	}
}

func (w EdgeWorld) read(t *testing.T) []evidence.Proxy {
	t.Helper()
	proxies, err := w.Fleet.Proxies(t.Context(), w.Names, w.Backend, w.From, w.To)
	if err != nil {
		t.Fatal(err)
	}
	if len(proxies) != len(w.Names) {
		t.Fatalf("%d proxies, want %d", len(proxies), len(w.Names))
	}
	for i, p := range proxies {
		if p.Name != w.Names[i] {
			t.Fatalf("proxy %d is %s, want %s", i+1, p.Name, w.Names[i])
		}
	}
	return proxies
}

func (w EdgeWorld) set(t *testing.T, weight int) {
	t.Helper()
	if err := w.Fleet.SetWeight(t.Context(), w.Names, w.Backend, w.From, w.To, weight); err != nil {
		t.Fatal(err)
	}
}

// weighs fails the test unless server To has the weight at the named proxies, and From the rest.
func (w EdgeWorld) weighs(t *testing.T, weight int, names ...string) {
	t.Helper()
	for _, p := range w.read(t) {
		if !slices.Contains(names, p.Name) {
			continue
		}
		if p.Unreachable != "" || p.From.Weight != 100-weight || p.To.Weight != weight {
			t.Errorf("proxy %s has %d and %d (%s), want %d and %d", p.Name, p.From.Weight, p.To.Weight, p.Unreachable, 100-weight, weight)
		}
	}
}

// mentions fails the test unless the error names the proxy.
func mentions(t *testing.T, err error, name string) {
	t.Helper()
	if err != nil && !strings.Contains(err.Error(), name) {
		t.Errorf("the error does not name %s: %v", name, err)
	}
}

func (w EdgeWorld) begins(t *testing.T) {
	w.weighs(t, 0, w.Names...)
	for _, p := range w.read(t) {
		if p.Started.IsZero() || p.Started.After(time.Now().Add(time.Hour)) {
			t.Errorf("proxy %s started at %s", p.Name, p.Started)
		}
		for server, want := range map[*evidence.Server]string{&p.From: w.From, &p.To: w.To} {
			if server.Name != want || !server.Up || server.State == "" {
				t.Errorf("proxy %s: server = %+v, want %s up", p.Name, *server, want)
			}
			if server.Sessions != 0 || server.Requests != 0 || server.Errors != 0 {
				t.Errorf("proxy %s: counters of %+v, want 0", p.Name, *server)
			}
		}
	}
}

func (w EdgeWorld) everyProxy(t *testing.T) {
	before := w.read(t)
	for _, weight := range []int{1, 50, 100, 33, 0} {
		w.set(t, weight)
		w.weighs(t, weight, w.Names...)
	}
	for i, p := range w.read(t) {
		if !p.Started.Equal(before[i].Started) {
			t.Errorf("proxy %s looks like another process", p.Name)
		}
	}
}

func (w EdgeWorld) again(t *testing.T) {
	for range 2 {
		w.set(t, 25)
		w.weighs(t, 25, w.Names...)
	}
}

func (w EdgeWorld) named(t *testing.T) {
	last := w.Names[len(w.Names)-1:]
	if err := w.Fleet.SetWeight(t.Context(), last, w.Backend, w.From, w.To, 10); err != nil {
		t.Fatal(err)
	}
	w.weighs(t, 10, last...)
	w.weighs(t, 0, w.Names[:len(w.Names)-1]...)
	slices.Reverse(w.Names)
	w.read(t)
}

func (w EdgeWorld) sessions(t *testing.T) {
	const sent, weight, tolerance = 200, 25, 15
	w.set(t, weight)
	w.Send(t, w.Names[0], sent)
	for i, p := range w.read(t) {
		var want int64
		if i == 0 {
			want = sent * weight / 100
		}
		if off := p.To.Sessions - want; off < -tolerance || off > tolerance {
			t.Errorf("proxy %s gave %d sessions to %s, want about %d", p.Name, p.To.Sessions, w.To, want)
		}
		if i == 0 && (p.From.Sessions+p.To.Sessions != sent || p.From.Requests+p.To.Requests != sent) {
			t.Errorf("proxy %s counts %+v and %+v, want %d in all", p.Name, p.From, p.To, sent)
		}
		if p.From.Errors+p.To.Errors != 0 {
			t.Errorf("proxy %s counts errors: %+v and %+v", p.Name, p.From, p.To)
		}
	}
}

func (w EdgeWorld) errors(t *testing.T) {
	w.Fail(t, 0.5)
	w.set(t, 100)
	w.Send(t, w.Names[0], 100)
	p := w.read(t)[0]
	if p.To.Requests != 100 || p.To.Errors < 35 || p.To.Errors > 65 || p.From.Errors != 0 {
		t.Errorf("counters are %+v and %+v, want about 50 errors of %s", p.From, p.To, w.To)
	}
}

func (w EdgeWorld) ignored(t *testing.T) {
	w.Ignore(t, 1)
	w.set(t, 100)
	w.Send(t, w.Names[0], 20)
	p := w.read(t)[0]
	if p.To.Requests < 20 || p.To.Answered != 0 || p.To.Errors != p.To.Requests {
		t.Errorf("counters of %s are %+v, want all requests failed and none answered", w.To, p.To)
	}
}

func (w EdgeWorld) failsChecks(t *testing.T) {
	w.set(t, 50)
	w.Down(t)
	var p evidence.Proxy
	for range 100 {
		if p = w.read(t)[0]; !p.To.Up {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if p.To.Up || !p.From.Up || p.To.For < 0 || p.To.For > time.Minute {
		t.Errorf("%+v and %+v, want %s down since a moment ago", p.From, p.To, w.To)
	}
	w.Send(t, p.Name, 10)
	if p := w.read(t)[0]; p.From.Requests != 10 || p.To.Requests != 0 {
		t.Errorf("counters are %+v and %+v, want all requests at %s", p.From, p.To, w.From)
	}
}

// lowered: traffic that has to go back does not wait for a proxy that does not answer.
func (w EdgeWorld) lowered(t *testing.T) {
	w.set(t, 50)
	victim, rest := w.Names[0], w.Names[1:]
	w.Stop(t, victim)
	err := w.Fleet.SetWeight(t.Context(), w.Names, w.Backend, w.From, w.To, 5)
	wantError(t, err, failure.ErrTransient)
	mentions(t, err, victim)
	w.weighs(t, 5, rest...)
}

// guarded: what is raised is put back where it can be, and what is lowered stays so.
func (w EdgeWorld) guarded(t *testing.T) {
	w.set(t, 50)
	victim, rest := w.Names[0], w.Names[1:]
	w.Guard(t, victim)
	err := w.Fleet.SetWeight(t.Context(), w.Names, w.Backend, w.From, w.To, 75)
	wantError(t, err, failure.ErrRefused)
	mentions(t, err, victim)
	w.weighs(t, 50, w.Names...)
	err = w.Fleet.SetWeight(t.Context(), w.Names, w.Backend, w.From, w.To, 5)
	wantError(t, err, failure.ErrRefused)
	mentions(t, err, victim)
	w.weighs(t, 50, victim)
	w.weighs(t, 5, rest...)
}

func (w EdgeWorld) mislaid(t *testing.T) {
	w.set(t, 50)
	victim, rest := w.Names[0], w.Names[1:]
	w.Mislay(t, victim)
	for _, p := range w.read(t) {
		if (p.Unreachable != "") != (p.Name == victim) {
			t.Errorf("proxy %s is unreachable: %q", p.Name, p.Unreachable)
		}
	}
	err := w.Fleet.SetWeight(t.Context(), w.Names, w.Backend, w.From, w.To, 75)
	wantError(t, err, failure.ErrNotFound)
	w.weighs(t, 50, rest...)
	err = w.Fleet.SetWeight(t.Context(), w.Names, w.Backend, w.From, w.To, 5)
	wantError(t, err, failure.ErrNotFound)
	mentions(t, err, victim)
	w.weighs(t, 5, rest...)
}

func (w EdgeWorld) down(t *testing.T) {
	w.set(t, 5)
	victim, rest := w.Names[0], w.Names[1:]
	w.Stop(t, victim)
	err := w.Fleet.SetWeight(t.Context(), w.Names, w.Backend, w.From, w.To, 25)
	wantError(t, err, failure.ErrTransient)
	mentions(t, err, victim)
	w.weighs(t, 5, rest...)
	for _, p := range w.read(t) {
		if (p.Unreachable != "") != (p.Name == victim) {
			t.Errorf("proxy %s is unreachable: %q", p.Name, p.Unreachable)
		}
	}
	w.Start(t, victim)
	w.weighs(t, 0, victim)
	w.set(t, 25)
	w.weighs(t, 25, w.Names...)
}

func (w EdgeWorld) reloaded(t *testing.T) {
	w.set(t, 50)
	w.Send(t, w.Names[0], 10)
	before := w.read(t)
	w.Reload(t, w.Names[0])
	w.weighs(t, 0, w.Names[0])
	w.weighs(t, 50, w.Names[1:]...)
	after := w.read(t)
	if !after[0].Started.After(before[0].Started) {
		t.Errorf("the reloaded proxy started at %s, and before at %s", after[0].Started, before[0].Started)
	}
	if !after[1].Started.Equal(before[1].Started) {
		t.Error("another proxy looks reloaded")
	}
	if after[0].To.Sessions != 0 {
		t.Errorf("counters survived: %+v", after[0].To)
	}
	w.set(t, 50)
	w.weighs(t, 50, w.Names...)
}

func (w EdgeWorld) third(t *testing.T) {
	w.set(t, 5)
	w.Add(t, w.Names[1], "spare")
	for i, p := range w.read(t) {
		if strings.HasPrefix(p.Third, "spare (") != (i == 1) || i != 1 && p.Third != "" {
			t.Errorf("third server of %s: %q", p.Name, p.Third)
		}
	}
	for _, weight := range []int{25, 0} {
		w.set(t, weight)
	}
}

func (w EdgeWorld) takenOut(t *testing.T) {
	w.set(t, 50)
	w.TakeOut(t, w.Names[0], w.To)
	for i, p := range w.read(t) {
		if !p.From.Up || p.To.Up != (i > 0) {
			t.Errorf("proxy %s: %+v and %+v, want %s taken out of the first only", p.Name, p.From, p.To, w.To)
		}
	}
	w.weighs(t, 50, w.Names...)
}

// notFound fails the test unless both calls say so, name what they name, and change nothing.
func (w EdgeWorld) notFound(t *testing.T, names []string, backend, to, named string) {
	t.Helper()
	_, err := w.Fleet.Proxies(t.Context(), names, backend, w.From, to)
	wantError(t, err, failure.ErrNotFound)
	mentions(t, err, named)
	err = w.Fleet.SetWeight(t.Context(), names, backend, w.From, to, 50)
	wantError(t, err, failure.ErrNotFound)
	mentions(t, err, named)
	w.weighs(t, 0, w.Names...)
}

func (w EdgeWorld) unknownName(t *testing.T) {
	const unknown = "edge-unknown"
	w.notFound(t, []string{unknown}, w.Backend, w.To, unknown)
	w.set(t, 50)
	names := append(slices.Clone(w.Names), unknown)
	list, err := w.Fleet.Proxies(t.Context(), names, w.Backend, w.From, w.To)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range list {
		if p.Name != names[i] || (p.Unreachable != "") != (p.Name == unknown) {
			t.Errorf("proxy %s is in the place of %s, and unreachable: %q", p.Name, names[i], p.Unreachable)
		}
	}
	err = w.Fleet.SetWeight(t.Context(), names, w.Backend, w.From, w.To, 75)
	wantError(t, err, failure.ErrNotFound)
	mentions(t, err, unknown)
	w.weighs(t, 50, w.Names...)
	err = w.Fleet.SetWeight(t.Context(), names, w.Backend, w.From, w.To, 5)
	wantError(t, err, failure.ErrNotFound)
	w.weighs(t, 5, w.Names...)
}

func (w EdgeWorld) unknownBackend(t *testing.T) {
	w.notFound(t, w.Names, "unknown", w.To, w.Names[0])
}

func (w EdgeWorld) unknownServer(t *testing.T) {
	w.notFound(t, w.Names, w.Backend, "unknown", w.Names[0])
}

func (w EdgeWorld) noPercent(t *testing.T) {
	for _, weight := range []int{-1, 101, 256} {
		wantError(t, w.Fleet.SetWeight(t.Context(), w.Names, w.Backend, w.From, w.To, weight), failure.ErrRefused)
	}
	w.weighs(t, 0, w.Names...)
}
