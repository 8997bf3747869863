// Package manifesttest compares what package manifest renders with what the real helm command renders. It is for
// tests: it builds the command, which takes minutes the first time, and runs it.
package manifesttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"cutover/gitops/estate"
	"cutover/reconciler/manifest"
	"cutover/reconciler/object"
)

// Helm is the helm command of hack/helm, and the charts that were written to disk for it. It may be used by
// parallel tests.
type Helm struct {
	binary string
	dir    string

	mu     sync.Mutex
	charts map[*byte]string // first byte of a chart's first file -> its directory
}

// NewHelm builds the command, unless an earlier run has done so.
func NewHelm(tb testing.TB) *Helm {
	tb.Helper()
	binary, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	return &Helm{binary: binary, dir: tb.TempDir(), charts: map[*byte]string{}}
}

// Compare fails the test unless each chart of the input renders to the same objects in the same order as with
// helm template, and all charts together to all of these objects.
func (h *Helm) Compare(tb testing.TB, in manifest.Input) {
	tb.Helper()
	var all []object.Object
	for _, c := range in.Charts {
		want := h.Template(tb, in, c)
		all = append(all, want...)
		one := in
		one.Charts = []estate.Chart{c}
		got, err := manifest.Render(one)
		if errors.Is(err, manifest.ErrEmpty) {
			got, err = nil, nil
		}
		if err != nil {
			tb.Errorf("chart %s: helm renders it, but: %v", c.Name, err)
			continue
		}
		if diff := cmp.Diff(texts(want), texts(got)); diff != "" {
			tb.Errorf("%s, chart %s: objects differ from those of helm template (-helm +ours):\n%s", in, c.Name, diff)
		}
	}
	together, err := manifest.Render(in)
	if err != nil {
		tb.Errorf("all charts together: %v", err)
		return
	}
	if diff := cmp.Diff(byName(all), byName(together)); diff != "" {
		tb.Errorf("%s: the charts together differ from helm's (-helm +ours):\n%s", in, diff)
	}
}

// Template gives the objects that helm template prints for one chart of an input, in order.
func (h *Helm) Template(tb testing.TB, in manifest.Input, c estate.Chart) []object.Object {
	tb.Helper()
	out, err := h.Command(tb, in, c).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		tb.Fatalf("%s: helm template %s: %v", in, c.Name, err)
	}
	objects, err := parse(out)
	if err != nil {
		tb.Fatalf("%s: helm template %s: %v", in, c.Name, err)
	}
	return objects
}

// Command is the helm template command for one chart of an input. Running it prints manifests on standard output.
func (h *Helm) Command(tb testing.TB, in manifest.Input, c estate.Chart) *exec.Cmd {
	tb.Helper()
	args := []string{"template", in.Release, h.chartDir(tb, c), "--namespace", in.Namespace, "--include-crds"}
	if in.Capabilities.KubeVersion != "" {
		args = append(args, "--kube-version", in.Capabilities.KubeVersion)
	}
	if len(in.Capabilities.APIVersions) > 0 {
		args = append(args, "--api-versions", strings.Join(in.Capabilities.APIVersions, ","))
	}
	dir := tb.TempDir()
	for i, values := range in.Values {
		text, err := json.Marshal(values)
		if err != nil {
			tb.Fatal(err)
		}
		file := filepath.Join(dir, fmt.Sprintf("%d.json", i))
		if err := os.WriteFile(file, text, 0o600); err != nil {
			tb.Fatal(err)
		}
		args = append(args, "--values", file)
	}
	if !in.Version.IsZero() {
		args = append(args, "--set-string", "version="+in.Version.String())
	}
	cmd := exec.Command(h.binary, args...)
	// Nobody's own plugins, repositories or cluster may have a say.
	cmd.Env = []string{"HOME=" + dir, "KUBECONFIG=" + os.DevNull}
	return cmd
}

// chartDir writes a chart to disk, once.
func (h *Helm) chartDir(tb testing.TB, c estate.Chart) string {
	tb.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	key := &c.Files[0].Data[0]
	if dir, ok := h.charts[key]; ok {
		return dir
	}
	dir := filepath.Join(h.dir, fmt.Sprint(len(h.charts)))
	for _, f := range c.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	h.charts[key] = dir
	return dir
}

// parse reads printed manifests with the decoder that kubectl uses, and takes lists apart.
func parse(out []byte) ([]object.Object, error) {
	var objects []object.Object
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(out), 4096)
	for {
		var o unstructured.Unstructured
		err := decoder.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		switch {
		case len(o.Object) == 0:
		case o.IsList():
			err = o.EachListItem(func(item runtime.Object) error {
				objects = append(objects, item.(*unstructured.Unstructured))
				return nil
			})
		default:
			objects = append(objects, &o)
		}
		if err != nil {
			return nil, err
		}
	}
}

// texts gives each object as JSON. The two sides decode numbers into different types, and only the text counts.
func texts(objects []object.Object) []string {
	out := make([]string, len(objects))
	for i, o := range objects {
		text, err := json.MarshalIndent(o.Object, "", "  ")
		if err != nil {
			text = []byte(err.Error())
		}
		out[i] = string(text)
	}
	return out
}

func byName(objects []object.Object) map[string]string {
	out := make(map[string]string, len(objects))
	for i, text := range texts(objects) {
		out[object.RefOf(objects[i]).String()] = text
	}
	return out
}
