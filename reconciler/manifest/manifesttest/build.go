package manifesttest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// linkFlags are those of Helm's own Makefile: without them the command takes itself for v3.22 and the cluster for
// Kubernetes 1.20.
const linkFlags = "-s -w" +
	" -X helm.sh/helm/v3/internal/version.version=v3.22.0" +
	" -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1" +
	" -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=37"

// build gives the path of the helm command. It is built into the user's cache, under a name made of everything that
// it depends on, and so once only.
var build = sync.OnceValues(func() (string, error) {
	module, err := moduleDir()
	if err != nil {
		return "", err
	}
	sums, err := os.ReadFile(filepath.Join(module, "go.sum"))
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(fmt.Append(sums, linkFlags, runtime.Version(), runtime.GOOS, runtime.GOARCH))
	binary := filepath.Join(cache, "cutover", "tools", fmt.Sprintf("helm-%x", digest[:8]))
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return "", err
	}
	// Two test binaries may build at once: each into its own file, and the last one to end wins.
	unfinished := fmt.Sprintf("%s.%d", binary, os.Getpid())
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", linkFlags, "-o", unfinished, "helm.sh/helm/v3/cmd/helm")
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build helm in %s: %w\n%s", module, err, out)
	}
	return binary, os.Rename(unfinished, binary)
})

// moduleDir is hack/helm, found from the program's module, whatever the directory of the test.
func moduleDir() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "hack", "helm"), nil
}
