package registry

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	helm "helm.sh/helm/v3/pkg/registry"

	"cutover/gitops/estate"
	"cutover/reconciler/contract/labtest"
)

// front stands before the lab's registry: it counts, and can spoil what passes.
type front struct {
	*httptest.Server
	git labtest.Git

	mu      sync.Mutex
	blobs   int // archives and configurations that were sent
	asked   int // requests in all
	logins  []string
	corrupt bool // answer for blobs with others of the same length
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{git: labtest.Get(t).Git}
	// The tests see no credentials of the person who runs them.
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("HELM_CONFIG_HOME", t.TempDir())
	behind, err := url.Parse(f.git.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(behind)
	proxy.ModifyResponse = f.answer
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.asked++
		if login := r.Header.Get("Authorization"); login != "" {
			f.logins = append(f.logins, login)
		}
		f.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

// answer lets tokens be made here, too, and counts and spoils blobs.
func (f *front) answer(r *http.Response) error {
	challenge := r.Header.Get("WWW-Authenticate")
	r.Header.Set("WWW-Authenticate", strings.ReplaceAll(challenge, f.git.URL, f.URL))
	if r.Request.Method != http.MethodGet || r.StatusCode != http.StatusOK || !strings.Contains(r.Request.URL.Path, "/blobs/") {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.blobs++
	if f.corrupt {
		r.Body = io.NopCloser(strings.NewReader(strings.Repeat("x", int(r.ContentLength))))
	}
	return nil
}

func (f *front) counts() (asked, blobs int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked, f.blobs
}

func (f *front) host() string { return strings.TrimPrefix(f.URL, "http://") }

// reference names a chart of the lab's user at this front.
func (f *front) reference(name string) string {
	return "oci://" + f.host() + "/" + f.git.Username + "/" + name
}

// config is one that reaches this front and keeps charts in dir.
func (f *front) config(dir string) Config {
	return Config{
		Dir: dir, PlainHTTP: []string{f.host()},
		Host: f.host(), Username: f.git.Username, Password: []byte(f.git.Token),
	}
}

// push packs files and pushes them as a chart with Helm's own client; it returns the manifest's digest.
func (f *front) push(t *testing.T, name, version string, files map[string]string) string {
	t.Helper()
	client, err := helm.NewClient(helm.ClientOptPlainHTTP(), helm.ClientOptBasicAuth(f.git.Username, f.git.Token))
	if err != nil {
		t.Fatal(err)
	}
	behind := strings.TrimPrefix(f.git.URL, "http://")
	pushed, err := client.Push(pack(t, name, files), behind+"/"+f.git.Username+"/"+name+":"+version)
	if err != nil {
		t.Fatal(err)
	}
	return pushed.Manifest.Digest
}

func pack(t *testing.T, dir string, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	// Not in order: sorting is the reader's job.
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(files))) {
		header := &tar.Header{Name: dir + "/" + name, Mode: 0o644, Size: int64(len(files[name])), Typeflag: tar.TypeReg}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(archive, files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// chartFiles are those of a small chart that says something.
func chartFiles(name, version, says string) map[string]string {
	return map[string]string{
		"Chart.yaml":          "apiVersion: v2\nname: " + name + "\nversion: " + version + "\n",
		"values.yaml":         "says: " + says + "\n",
		"templates/says.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: says}\ndata: {says: '{{ .Values.says }}'}\n",
	}
}

// sorted are the files as Chart should return them.
func sorted(files map[string]string) []estate.File {
	var out []estate.File
	for _, name := range slices.Sorted(maps.Keys(files)) {
		out = append(out, estate.File{Path: name, Data: []byte(files[name])})
	}
	return out
}

func open(t *testing.T, c Config) *Registry {
	t.Helper()
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// clock is a time that moves when it is told to.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }
