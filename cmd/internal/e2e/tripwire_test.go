package e2e

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"cutover/cmd/internal/lab/scenario"
	"cutover/reconciler/contract/labtest"
)

// tripwire stands between the daemon and every system that it writes to, and kills it at each write: in turn before the
// system got it, and after the system has done it, but before the daemon has the answer. So whatever takes effect has
// been tried twice, and the second time has found what the first one left behind.
type tripwire struct {
	start func() (*scenario.Daemon, error)

	// mu is held while a write is under way: a daemon writes to many places at once, and each is to be the last thing
	// that it does.
	mu     sync.Mutex
	daemon *scenario.Daemon // nil while none runs
	life   int              // counts the daemons
	kinds  map[string]*kind
	errs   []error
}

// kind is a kind of writes.
type kind struct {
	before, after int  // kills
	next          bool // the next one kills after the write
}

// mostNews is how often the daemon is killed while it brings a comment or a status up to date: with each start it has
// news to tell, so that there is no end to them.
const mostNews = 6

var news = []string{"Gitea: edit of a comment", "Gitea: status"}

// classify names the kind of a write; "" for what writes nothing.
type classify func(r *http.Request, body []byte) string

// before returns the URL of a proxy to a server.
func (w *tripwire) before(t *testing.T, server string, transport http.RoundTripper, of classify) string {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1, // watches
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			forward.ServeHTTP(rw, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		what := of(r, body)
		if what == "" {
			forward.ServeHTTP(rw, r)
			return
		}
		w.write(what, forward, rw, r)
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// write lets a write through, or kills the daemon at it. What a daemon that is dead has on its way gets nowhere.
func (w *tripwire) write(what string, forward http.Handler, rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	life := w.life
	w.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.daemon == nil || w.life != life {
		panic(http.ErrAbortHandler)
	}
	k := w.kinds[what]
	if k == nil {
		k = &kind{}
		w.kinds[what] = k
	}
	if slices.Contains(news, what) && k.before+k.after >= mostNews {
		forward.ServeHTTP(rw, r)
		return
	}
	if k.next {
		forward.ServeHTTP(httptest.NewRecorder(), r)
		k.after++
	} else {
		k.before++
	}
	k.next = !k.next
	if err := w.daemon.Kill(); err != nil {
		w.errs = append(w.errs, err)
	}
	w.daemon = nil
	panic(http.ErrAbortHandler)
}

// alive is the running daemon; it starts one if the last one is dead.
func (w *tripwire) alive(t *testing.T) *scenario.Daemon {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.daemon == nil {
		var err error
		if w.daemon, err = w.start(); err != nil {
			t.Fatal(err)
		}
		w.life++
	}
	return w.daemon
}

// kill ends the running daemon.
func (w *tripwire) kill(t *testing.T) {
	t.Helper()
	d := w.alive(t)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.daemon != d {
		return
	}
	if err := d.Kill(); err != nil {
		t.Fatal(err)
	}
	w.daemon = nil
}

// dead tells whether the tripwire has killed a daemon.
func (w *tripwire) dead(d *scenario.Daemon) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.daemon != d
}

// String tells how often the daemon was killed where.
func (w *tripwire) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	sum := kind{}
	for _, name := range slices.Sorted(maps.Keys(w.kinds)) {
		k := w.kinds[name]
		sum.before, sum.after = sum.before+k.before, sum.after+k.after
		fmt.Fprintf(&b, "%-32s %3d before, %3d after\n", name, k.before, k.after)
	}
	fmt.Fprintf(&b, "%-32s %3d before, %3d after; the daemon was started %d times", "together", sum.before, sum.after, w.life)
	return b.String()
}

// stretch puts the wire around the systems of a place, whose git server is behind it already.
func (m *moving) stretch(t *testing.T, w *tripwire) {
	t.Helper()
	direct := m.Config
	m.Config.Gate = w.before(t, direct.Gate, nil, ofGate)
	m.Lab.Vault.Address = w.before(t, direct.Lab.Vault.Address, nil, ofVault)
	m.Lab.AWS.URL = w.before(t, direct.Lab.AWS.URL, nil, ofIAM)
	m.Lab.Alertmanager.URL = w.before(t, direct.Lab.Alertmanager.URL, nil, func(*http.Request, []byte) string { return "Alertmanager: silence" })
	m.Lab.Clusters = maps.Clone(direct.Lab.Clusters)
	for name, c := range m.Lab.Clusters {
		c.Kubeconfig = w.kubeconfig(t, name, labtest.Get(t).REST(t, name))
		m.Lab.Clusters[name] = c
	}
	d, err := m.Start(t.Context(), binary, m.log) // it writes the configuration, once
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Kill(); err != nil {
		t.Fatal(err)
	}
	m.Config = direct
	w.start = func() (*scenario.Daemon, error) { return m.Start(t.Context(), binary, m.log) }
}

// kubeconfig is a file that leads to a cluster through the wire.
func (w *tripwire) kubeconfig(t *testing.T, name string, config *rest.Config) string {
	t.Helper()
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	address := w.before(t, config.Host, transport, ofKubernetes(name))
	file := filepath.Join(t.TempDir(), name+".kubeconfig")
	text := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"clusters": [{"name": "c", "cluster": {"server": %q}}], "users": [{"name": "c", "user": {}}],
		"contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]}`, address)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func ofGate(r *http.Request, _ []byte) string {
	switch {
	case regexp.MustCompile(triggering).MatchString(r.URL.Path):
		return "Gate: start of a pipeline"
	case strings.HasPrefix(r.URL.Path, "/pipelines"):
		return "Gate: pipeline"
	}
	return "Gate: application"
}

func ofVault(r *http.Request, _ []byte) string {
	if r.Method == "LIST" || strings.HasPrefix(r.URL.Path, "/v1/sys/") || strings.HasPrefix(r.URL.Path, "/v1/auth/") {
		return ""
	}
	return "Vault: secret"
}

func ofIAM(_ *http.Request, body []byte) string {
	form, err := url.ParseQuery(string(body))
	if action := form.Get("Action"); err == nil && (strings.HasPrefix(action, "Get") || strings.HasPrefix(action, "List")) {
		return ""
	}
	return "IAM: role"
}

func ofKubernetes(name string) classify {
	return func(r *http.Request, _ []byte) string {
		if r.URL.Query().Get("dryRun") != "" || strings.Contains(r.URL.Path, "/authorization.k8s.io/") {
			return ""
		}
		return "Kubernetes: object of the " + name + " cluster"
	}
}

var someComment = regexp.MustCompile(`/issues/comments/\d+$`)

// ofGitea looks at the requests of the daemon's user alone: people use the same address.
func ofGitea(isDaemon func(*http.Request) bool) classify {
	return func(r *http.Request, _ []byte) string {
		path := r.URL.Path
		switch {
		case strings.HasSuffix(path, "/git-upload-pack"), !isDaemon(r):
			return ""
		case strings.HasSuffix(path, "/git-receive-pack"):
			return "Gitea: push"
		case r.Method == http.MethodPatch && someComment.MatchString(path):
			return "Gitea: edit of a comment"
		case strings.HasSuffix(path, "/comments"):
			return "Gitea: comment"
		case strings.Contains(path, "/statuses/"):
			return "Gitea: status"
		}
		return "Gitea: pull request"
	}
}

// isDaemon tells whether a request to the git server is the daemon's.
func (m *moving) isDaemon(r *http.Request) bool {
	if user, _, ok := r.BasicAuth(); ok {
		return user == m.Robot()
	}
	token, err := os.ReadFile(filepath.Join(m.Dir, "git-token"))
	return err == nil && strings.Contains(r.Header.Get("Authorization"), string(token))
}
