package secretsync

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/remote/vault"
)

const patience = 20 * time.Second

// bench is a root in the lab's Vault, a namespace in one of its clusters, and a syncer between them whose passes the
// test makes itself.
type bench struct {
	*syncer
	lab       *labtest.Lab
	admin     *api.Client
	kube      kubernetes.Interface
	namespace string
	root      string // without the mount
	registry  *prometheus.Registry
	log       *buffer
	proxy     *proxy
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// proxy stands in front of Vault and can keep answers back.
type proxy struct {
	*httptest.Server
	mu   sync.Mutex
	fail func(path string) bool
}

func newProxy(t *testing.T, address string) *proxy {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	forward.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	p := &proxy{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		fail := p.fail != nil && p.fail(r.URL.Path)
		p.mu.Unlock()
		if fail {
			http.Error(w, `{"errors":["Vault is sealed"]}`, http.StatusServiceUnavailable)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *proxy) failing(on func(path string) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = on
}

func everything(string) bool { return true }

func newBench(t *testing.T, cluster string) *bench {
	t.Helper()
	l := labtest.Get(t)
	admin, err := api.NewClient(&api.Config{Address: l.Vault.Address})
	if err != nil {
		t.Fatal(err)
	}
	admin.SetToken(l.Vault.Token)
	kube, err := kubernetes.NewForConfig(l.REST(t, cluster))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{lab: l, admin: admin, kube: kube, namespace: l.NewNamespace(t, cluster), root: labtest.Unique(t), log: new(buffer)}
	b.proxy = newProxy(t, l.Vault.Address)
	b.start(t, Config{
		Vault: vault.Config{Address: b.proxy.URL, Auth: vault.Auth{Token: vault.NewValue(l.Vault.Token)}},
		Root:  "k8s-secret/" + b.root, REST: l.REST(t, cluster), Instance: labtest.Unique(t),
	})
	return b
}

// start makes the syncer, as Run does, but for its loop.
func (b *bench) start(t *testing.T, c Config) {
	t.Helper()
	c.Log = slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	v, err := vault.New(c.Vault)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	k, err := newCluster(c.REST, c.Instance, c.Root)
	if err != nil {
		t.Fatal(err)
	}
	go k.informer.RunWithContext(t.Context())
	if !cache.WaitForCacheSync(t.Context().Done(), k.informer.HasSynced) {
		t.Fatal("the cluster's Secrets were not listed")
	}
	b.registry = prometheus.NewRegistry()
	b.syncer = newSyncer(c, v, k, newReport(b.registry, time.Now()))
}

// put writes a secret below the root.
func (b *bench) put(t *testing.T, path string, data map[string]any) {
	t.Helper()
	if _, err := b.admin.Logical().WriteWithContext(t.Context(), "k8s-secret/data/"+b.root+"/"+path, map[string]any{"data": data}); err != nil {
		t.Fatal(err)
	}
}

// drop deletes a secret below the root.
func (b *bench) drop(t *testing.T, path string) {
	t.Helper()
	if _, err := b.admin.Logical().DeleteWithContext(t.Context(), "k8s-secret/data/"+b.root+"/"+path); err != nil {
		t.Fatal(err)
	}
}

// many puts n secrets of the bench's namespace.
func (b *bench) many(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		b.put(t, fmt.Sprintf("%s/s%d", b.namespace, i), map[string]any{"k": fmt.Sprint(i)})
	}
}

// ok makes a pass that must succeed, and waits until the program has seen what it wrote.
func (b *bench) ok(t *testing.T) {
	t.Helper()
	if err := b.pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.seen(t)
}

// seen waits until the informer has what the cluster has.
func (b *bench) seen(t *testing.T) {
	t.Helper()
	eventually(t, "the informer has what the cluster has", func() bool {
		list, err := b.kube.CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{LabelSelector: LabelInstance + "=" + b.config.Instance})
		if err != nil {
			t.Fatal(err)
		}
		versions := map[name]string{}
		for _, s := range list.Items {
			versions[nameOf(&s)] = s.ResourceVersion
		}
		for _, s := range b.cluster.ours() {
			if versions[nameOf(s)] != s.ResourceVersion {
				return false
			}
			delete(versions, nameOf(s))
		}
		return len(versions) == 0
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// fails makes a pass that must fail with an error that says text.
func (b *bench) fails(t *testing.T, text string) {
	t.Helper()
	if err := b.pass(t.Context()); err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("the pass ended with %v, want an error that says %q", err, text)
	}
}

// get is a Secret of the bench's namespace, or nil.
func (b *bench) get(t *testing.T, secret string) *corev1.Secret {
	t.Helper()
	s, err := b.kube.CoreV1().Secrets(b.namespace).Get(t.Context(), secret, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// holds tells whether a Secret holds exactly the data.
func (b *bench) holds(t *testing.T, secret string, want map[string]string) bool {
	t.Helper()
	s := b.get(t, secret)
	if s == nil || len(s.Data) != len(want) {
		return false
	}
	for key, value := range want {
		if string(s.Data[key]) != value {
			return false
		}
	}
	return true
}

// wantHeld fails the test unless a Secret holds exactly the data.
func (b *bench) wantHeld(t *testing.T, secret string, want map[string]string) {
	t.Helper()
	if !b.holds(t, secret, want) {
		t.Errorf("Secret %s does not hold what it should: %v", secret, b.get(t, secret))
	}
}

// metric is the value of a metric with the labels, or false.
func (b *bench) metric(t *testing.T, metric string, labels map[string]string) (float64, bool) {
	t.Helper()
	families, err := b.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			have := map[string]string{}
			for _, pair := range m.GetLabel() {
				if _, asked := labels[pair.GetName()]; asked {
					have[pair.GetName()] = pair.GetValue()
				}
			}
			if family.GetName() == metric && maps.Equal(have, labels) {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue(), true
			}
		}
	}
	return 0, false
}

// count fails the test unless so many Secrets of the namespace are in a state.
func (b *bench) count(t *testing.T, namespace string, state State, want float64) {
	t.Helper()
	if got, _ := b.metric(t, "secret_sync_secrets", map[string]string{"namespace": namespace, "state": string(state)}); got != want {
		t.Errorf("%v Secrets of namespace %q are %s, want %v", got, namespace, state, want)
	}
}
