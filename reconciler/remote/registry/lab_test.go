package registry

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/estate"
	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/failure"
)

func pull(t *testing.T, r *Registry, reference string) []estate.File {
	t.Helper()
	files, err := r.Chart(t.Context(), reference)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestChartIsWhatWasPacked(t *testing.T) {
	f, name := newFront(t), labtest.Unique(t)
	files := chartFiles(name, "1.0.0+build", "hello")
	digest := f.push(t, name, "1.0.0+build", files)
	for _, reference := range []string{":1.0.0+build", ":1.0.0_build", "@" + digest, ":1.0.0+build@" + digest} {
		got := pull(t, open(t, f.config(t.TempDir())), f.reference(name)+reference)
		if diff := cmp.Diff(sorted(files), got); diff != "" {
			t.Errorf("%s (-packed +pulled):\n%s", reference, diff)
		}
	}
}

// A tag is asked for once in a while only, and one that moved is noticed then.
func TestTagMoves(t *testing.T) {
	f, name := newFront(t), labtest.Unique(t)
	before, after := chartFiles(name, "1.0.0", "before"), chartFiles(name, "1.0.0", "after")
	f.push(t, name, "1.0.0", before)

	c, now := f.config(t.TempDir()), &clock{time.Unix(0, 0)}
	c.Now, c.TagTTL = now.Now, time.Minute
	r := open(t, c)
	pull(t, r, f.reference(name)+":1.0.0")
	f.push(t, name, "1.0.0", after)
	asked, _ := f.counts()

	now.now = now.now.Add(59 * time.Second)
	if diff := cmp.Diff(sorted(before), pull(t, r, f.reference(name)+":1.0.0")); diff != "" {
		t.Errorf("within the minute:\n%s", diff)
	}
	if again, _ := f.counts(); again != asked {
		t.Errorf("%d requests within the minute, want none", again-asked)
	}
	now.now = now.now.Add(time.Second)
	if diff := cmp.Diff(sorted(after), pull(t, r, f.reference(name)+":1.0.0")); diff != "" {
		t.Errorf("after the minute:\n%s", diff)
	}
	_, blobs := f.counts()
	now.now = now.now.Add(time.Minute)
	pull(t, r, f.reference(name)+":1.0.0")
	if _, again := f.counts(); again != blobs {
		t.Error("a tag that did not move was downloaded again")
	}
}

func TestTwoAtOnceAreOneDownload(t *testing.T) {
	f, name := newFront(t), labtest.Unique(t)
	files := chartFiles(name, "1.0.0", "hello")
	f.push(t, name, "1.0.0", files)
	r := open(t, f.config(t.TempDir()))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			got, err := r.Chart(t.Context(), f.reference(name)+":1.0.0")
			if diff := cmp.Diff(sorted(files), got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
	group.Wait()
	if _, blobs := f.counts(); blobs != 2 {
		t.Errorf("%d blobs were sent, want 2: the archive and the configuration", blobs)
	}
}

// What is on disk is believed only if it still has its digest.
func TestSpoiledDiskIsRepaired(t *testing.T) {
	f, name := newFront(t), labtest.Unique(t)
	files := chartFiles(name, "1.0.0", "hello")
	digest := f.push(t, name, "1.0.0", files)
	reference := f.reference(name) + "@" + digest
	for _, test := range []struct {
		name  string
		spoil func(data []byte) []byte
		blobs int // that are sent again
	}{
		{"whole", func(data []byte) []byte { return data }, 0},
		{"truncated", func(data []byte) []byte { return data[:len(data)/2] }, 2},
		{"empty", func([]byte) []byte { return nil }, 2},
		{"changed", func(data []byte) []byte { data[len(data)/2] ^= 1; return data }, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := f.config(t.TempDir())
			pull(t, open(t, c), reference)
			eachFile(t, c.Dir, test.spoil)
			_, before := f.counts()
			if diff := cmp.Diff(sorted(files), pull(t, open(t, c), reference)); diff != "" {
				t.Errorf("after the disk was spoiled:\n%s", diff)
			}
			_, after := f.counts()
			if got := after - before; got != test.blobs {
				t.Errorf("%d blobs were sent again, want %d", got, test.blobs)
			}
			pull(t, open(t, c), reference)
			if _, again := f.counts(); again != after {
				t.Error("the disk was not repaired")
			}
		})
	}
}

func eachFile(t *testing.T, dir string, change func([]byte) []byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "sha256", "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("got %q on disk, %v; want a manifest and an archive", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, change(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A reference with a digest does not notice that the registry is away; a tag might have moved meanwhile.
func TestRegistryAway(t *testing.T) {
	f, name := newFront(t), labtest.Unique(t)
	files := chartFiles(name, "1.0.0", "hello")
	digest := f.push(t, name, "1.0.0", files)
	c := f.config(t.TempDir())
	pull(t, open(t, c), f.reference(name)+":1.0.0")
	f.Close()

	r := open(t, c)
	if diff := cmp.Diff(sorted(files), pull(t, r, f.reference(name)+":1.0.0@"+digest)); diff != "" {
		t.Error(diff)
	}
	if _, err := r.Chart(t.Context(), f.reference(name)+":1.0.0"); !errors.Is(err, failure.ErrTransient) {
		t.Errorf("got %v, want a temporary failure", err)
	}
}

func TestRefusals(t *testing.T) {
	f, name := newFront(t), labtest.Unique(t)
	f.push(t, name, "1.0.0", chartFiles(name, "1.0.0", "hello"))
	const password = "swordfish"
	for _, test := range []struct {
		name, reference string
		change          func(*Config)
		want            error
		says            string
	}{
		{"unknown tag", name + ":9.9.9", nil, failure.ErrNotFound, ":9.9.9"},
		{"unknown chart", name + "-other:1.0.0", nil, failure.ErrNotFound, "-other"},
		{"unknown digest", name + "@sha256:" + strings.Repeat("0", 64), nil, failure.ErrNotFound, "@sha256:0"},
		{"wrong password", name + ":1.0.0", func(c *Config) { c.Password = []byte(password) }, failure.ErrRefused, "401 Unauthorized"},
		{"TLS expected", name + ":1.0.0", func(c *Config) { c.PlainHTTP = nil }, failure.ErrRefused, "plain HTTP"},
		{"content is another's", name + ":1.0.0", func(*Config) { f.corrupt = true }, failure.ErrTransient, "digest"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := f.config(t.TempDir())
			if test.change != nil {
				test.change(&c)
			}
			_, err := open(t, c).Chart(t.Context(), f.reference(test.reference))
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("got %v, want %v, and %q in it", err, test.want, test.says)
			}
			if strings.Contains(err.Error(), password) || strings.Contains(err.Error(), f.git.Token) {
				t.Error("the error shows the password:", err)
			}
		})
	}
}
