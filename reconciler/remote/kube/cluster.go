package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"

	"cutover/reconciler/object"
)

// Config is what a Cluster needs. All fields but Patience are required.
type Config struct {
	// REST says where the API server is and how to log in.
	REST *rest.Config
	// Manager is the field manager of our writes, and the name of the tool that owns our ApplySets.
	Manager string
	Log     *slog.Logger
	// Patience is how long to wait for a kind's first list, for a broken watch to come back, and for a write to
	// be seen; default 10s.
	Patience time.Duration
}

// The rate of requests to one API server, per second and in a burst. The client's own default of 5 and 10 would
// make a first pass over some eighty services take minutes.
const (
	qps   = 100
	burst = 200
)

// Cluster is a Kubernetes cluster. Its methods may be called at the same time.
type Cluster struct {
	manager  string
	log      *slog.Logger
	patience time.Duration

	discovery *discovery.DiscoveryClient
	dynamic   dynamic.Interface
	metadata  metadata.Interface
	core      corev1.CoreV1Interface

	ctx    context.Context // of everything that runs in the background; Close ends it
	cancel context.CancelFunc
	done   sync.WaitGroup

	catalogs catalogs

	mu       sync.Mutex // guards the fields below
	watches  map[schema.GroupVersionResource]*watch
	sets     map[string]object.Set     // sets that were asked for, by ID
	named    map[object.Ref]object.Set // objects that were asked for by name, by key
	touched  workqueue.TypedInterface[object.Set]
	changing chan object.Set
}

// New returns a Cluster, or an error that says what is wrong with the configuration. It sends no request except to
// watch for new kinds. Call Close when done.
func New(c Config) (*Cluster, error) {
	switch {
	case c.REST == nil:
		return nil, errors.New("kube: no REST configuration")
	case c.Manager == "":
		return nil, errors.New("kube: no field manager")
	case c.Log == nil:
		return nil, errors.New("kube: no logger")
	}
	if c.Patience == 0 {
		c.Patience = 10 * time.Second
	}
	config := rest.CopyConfig(c.REST)
	config.QPS, config.Burst = qps, burst
	config.UserAgent = c.Manager
	config.WarningHandlerWithContext = warnings{c.Log}
	transport, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("kube: %w", err)
	}
	k := &Cluster{
		manager: c.Manager, log: c.Log, patience: c.Patience,
		watches:  map[schema.GroupVersionResource]*watch{},
		sets:     map[string]object.Set{},
		named:    map[object.Ref]object.Set{},
		touched:  workqueue.NewTyped[object.Set](),
		changing: make(chan object.Set),
	}
	if k.discovery, err = discovery.NewDiscoveryClientForConfigAndClient(config, transport); err != nil {
		return nil, fmt.Errorf("kube: %w", err)
	}
	if k.dynamic, err = dynamic.NewForConfigAndClient(config, transport); err != nil {
		return nil, fmt.Errorf("kube: %w", err)
	}
	if k.metadata, err = metadata.NewForConfigAndClient(config, transport); err != nil {
		return nil, fmt.Errorf("kube: %w", err)
	}
	if k.core, err = corev1.NewForConfigAndClient(config, transport); err != nil {
		return nil, fmt.Errorf("kube: %w", err)
	}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	k.done.Go(k.forwardChanges)
	k.watchKinds()
	return k, nil
}

// Close ends all watches and closes the channel of Changes.
func (k *Cluster) Close() {
	k.cancel()
	k.touched.ShutDown()
	k.done.Wait()
}

// warnings logs what the API server warns of, such as a deprecated version.
type warnings struct{ log *slog.Logger }

func (w warnings) HandleWarningHeaderWithContext(ctx context.Context, _ int, _, text string) {
	w.log.DebugContext(ctx, "the API server warns", "warning", text)
}
