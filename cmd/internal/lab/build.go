package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
)

// module is a build module of hack/lab and how its server is built. All are built with cgo, which Gitea needs for SQLite,
// and with -trimpath, so that they share compiled packages.
type module struct {
	name    string   // the directory under hack/lab
	pkg     string   // the main package
	flags   []string // of go build
	version string   // a linker flag that says what the server reports as its version
}

var (
	controlPlane = module{name: "controlplane", pkg: ".", version: "-X k8s.io/component-base/version.gitVersion=v1.37.2 " +
		"-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37"}
	kwok  = module{name: "kwok", pkg: "sigs.k8s.io/kwok/cmd/kwok"}
	gitea = module{name: "gitea", pkg: "code.gitea.io/gitea", flags: []string{"-tags", "sqlite sqlite_unlock_notify"},
		version: "-X main.Version=1.26.0"}
	vault = module{name: "vault", pkg: "."}
)

// builder builds the lab's servers, each once, into a cache.
type builder struct {
	modules  string                       // hack/lab
	cache    string                       // the directory of the built binaries
	run      func(cmd *exec.Cmd) error    // runs a command to its end
	progress func(server string, s State) // is told of a build's begin and end
}

// cacheDir returns the directory of the built binaries, outside every repository.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w", err)
	}
	return filepath.Join(dir, "cutover", "lab"), nil
}

// binary returns the path of the module's server, built from what the module's directory holds now.
func (b builder) binary(ctx context.Context, m module) (string, error) {
	key, err := b.key(ctx, m)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", m.name, err)
	}
	path := filepath.Join(b.cache, m.name+"-"+key)
	if exists(path) {
		return path, nil
	}
	if err := os.MkdirAll(b.cache, 0o750); err != nil {
		return "", fmt.Errorf("build %s: %w", m.name, err)
	}
	b.progress(m.name, Building)
	lock := flock.New(path + ".lock")
	if _, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return "", fmt.Errorf("build %s: wait for another process that builds it: %w", m.name, err)
	}
	defer func() { _ = lock.Unlock() }()
	if !exists(path) { // the process that held the lock may have built it
		if err := b.build(ctx, m, path); err != nil {
			return "", fmt.Errorf("build %s: %w", m.name, err)
		}
	}
	b.progress(m.name, Built)
	return path, nil
}

// build writes the module's server to path, whole or not at all.
func (b builder) build(ctx context.Context, m module, path string) error {
	temp := path + ".tmp"
	defer func() { _ = os.Remove(temp) }() // gone when the build succeeded
	cmd := exec.CommandContext(ctx, "go", m.args(temp)...)
	cmd.Dir = filepath.Join(b.modules, m.name)
	cmd.Env = append(cmd.Environ(), buildEnv...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := b.run(cmd); err != nil {
		return fmt.Errorf("%w; the last lines of go build:\n%s", err, lastLines(said.Bytes()))
	}
	return os.Rename(temp, path)
}

// buildEnv keeps a workspace around the clone from changing the versions that a module pins.
var buildEnv = []string{"CGO_ENABLED=1", "GOWORK=off"}

func (m module) args(output string) []string {
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w " + m.version, "-o", output}
	args = append(args, m.flags...)
	return append(args, m.pkg)
}

// key identifies all that a build depends on: the module's files, the flags and the Go toolchain.
func (b builder) key(ctx context.Context, m module) (string, error) {
	dir := filepath.Join(b.modules, m.name)
	cmd := exec.CommandContext(ctx, "go", "env", "GOVERSION", "GOOS", "GOARCH")
	cmd.Dir = dir
	toolchain, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w; the lab's servers are built with Go, which must be in PATH", err)
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%s%q%q", toolchain, buildEnv, m.args(""))
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return "", err
	}
	for _, file := range files { // Glob sorts
		if !slices.Contains([]string{".go", ".mod", ".sum"}, filepath.Ext(file)) {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(hash, "%s %d\n%s", filepath.Base(file), len(data), data)
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
