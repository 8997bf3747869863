package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

var cutoverModule = regexp.MustCompile(`(?m)^module cutover$`)

// findModules returns the directory of the lab's build modules, hack/lab of the clone that dir is in.
func findModules(dir string) (string, error) {
	for at := dir; ; at = filepath.Dir(at) {
		mod, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("find the repository: %w", err)
		}
		if cutoverModule.Match(mod) {
			return filepath.Join(at, "hack", "lab"), nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not inside a clone of cutover's repository, whose hack/lab has the build modules of "+
				"the lab's servers; run the lab inside a clone", dir)
		}
	}
}

// moduleDir returns the directory in Go's module cache of path, which the build module in dir requires. It downloads the
// module if need be.
func moduleDir(ctx context.Context, dir, path string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", path)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "GOWORK=off")
	stdout, err := cmd.Output()
	// A failed download is described on standard output, and only there.
	var module struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(stdout, &module); jsonErr == nil && module.Error != "" {
		return "", fmt.Errorf("download module %s: %s", path, module.Error)
	}
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
		}
		return "", fmt.Errorf("download module %s: %w", path, err)
	}
	return module.Dir, nil
}
