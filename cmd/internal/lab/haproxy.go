package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cutover/reconciler/contract/labtest"
)

// mainFleet is the name of the fleet that the lab's description tells of.
const mainFleet = "edge"

// edge is the lab's fleets of edge proxies and the server that controls them.
type edge struct {
	lab    *Lab
	http   *http.Server
	url    string
	ctx    context.Context // of all requests; ends with close
	cancel context.CancelFunc
	// requests are the counters of all upstreams.
	requests *prometheus.CounterVec

	mu     sync.Mutex
	fleets map[string]*fleet // under mu; nil once closed
	made   int               // under mu: fleets made so far, for names
}

// startEdge starts the control server and the lab's own fleet. clusters are the names that the upstreams go by, by
// cluster.
func (l *Lab) startEdge(ctx context.Context, clusters map[string]string) (labtest.Edge, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return labtest.Edge{}, fmt.Errorf("start the edge's control: %w", err)
	}
	e := &edge{lab: l, url: "http://" + listener.Addr().String(), requests: newRequestCounter(), fleets: make(map[string]*fleet)}
	e.ctx, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	e.http = &http.Server{
		Handler:           e.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return e.ctx },
	}
	l.edge = e
	go func() { _ = e.http.Serve(listener) }() // ends with close
	l.report(mainFleet, Starting)              // of the fleets for tests nobody is told
	f, err := e.add(ctx, mainFleet, clusters)
	if err != nil {
		return labtest.Edge{}, fmt.Errorf("start the edge: %w", err)
	}
	l.report(mainFleet, Ready)
	return e.describe(f), nil
}

// describe says where a fleet is.
func (e *edge) describe(f *fleet) labtest.Edge {
	description := f.description(e.url + "/fleets/" + f.name)
	description.Metrics = e.url + "/metrics"
	return description
}

// add makes a fleet; one without a name gets one.
func (e *edge) add(ctx context.Context, name string, clusters map[string]string) (*fleet, error) {
	if clusters[labtest.Old] == "" || clusters[labtest.New] == "" || len(clusters) != 2 {
		return nil, fmt.Errorf("name what the clusters %s and %s are called", labtest.Old, labtest.New)
	}
	if name == "" {
		e.mu.Lock()
		e.made++
		name = "edge" + strconv.Itoa(e.made)
		e.mu.Unlock()
	}
	f, err := e.lab.startFleet(ctx, name, clusters, e.requests)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fleets == nil {
		return nil, errors.Join(errors.New("the lab ends"), f.close())
	}
	e.fleets[name] = f
	return f, nil
}

// fleet returns the fleet of that name, or nil.
func (e *edge) fleet(name string) *fleet {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fleets[name]
}

// remove ends a fleet.
func (e *edge) remove(name string) error {
	e.mu.Lock()
	f := e.fleets[name]
	delete(e.fleets, name)
	e.mu.Unlock()
	if f == nil {
		return nil
	}
	return f.close()
}

// close ends all fleets, and the control server.
func (e *edge) close() error {
	e.cancel()
	// Nothing may start any more, so requests are waited for.
	failures := []error{e.http.Shutdown(context.Background())}
	e.mu.Lock()
	fleets := e.fleets
	e.fleets = nil
	e.mu.Unlock()
	for _, f := range fleets {
		failures = append(failures, f.close())
	}
	return errors.Join(failures...)
}
