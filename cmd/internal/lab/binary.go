package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// binary is a server's program.
type binary struct {
	path  string
	args  []string // before all others: which part of a program with several servers in it
	found bool     // on this machine, so it is a stock binary of some version
}

// program says which build module a server's program comes from when the machine has none.
type program struct {
	name   string
	module module
	args   []string
}

// programs are in the order of their builds. What they share is compiled with the first, which needs the most.
var programs = []program{
	{"etcd", controlPlane, []string{"etcd"}},
	{"kube-apiserver", controlPlane, []string{"kube-apiserver"}},
	{"kube-controller-manager", controlPlane, []string{"kube-controller-manager"}},
	{"kube-scheduler", controlPlane, []string{"kube-scheduler"}},
	{"kwok", kwok, nil},
	{"gitea", gitea, nil},
	{"vault", vault, nil},
}

// packaged are the programs that come as packages of the system, with the names that their command has there.
var packaged = map[string][]string{
	"prometheus":   {"prometheus"},
	"haproxy":      {"haproxy", "/usr/sbin/haproxy"},            // not in everybody's PATH
	"alertmanager": {"prometheus-alertmanager", "alertmanager"}, // Debian's name, upstream's name
}

// findPackaged looks for the first of a program's names.
func findPackaged(commands []string) (string, error) {
	for _, name := range commands {
		if path, ok := find(name); ok {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not in PATH: make setup installs it", commands[0])
}

// binaries returns every server's program by name: from $KUBEBUILDER_ASSETS, else from PATH, else built; some from PATH
// only.
func binaries(ctx context.Context, b builder) (map[string]binary, error) {
	all := make(map[string]binary)
	for _, p := range programs {
		if path, ok := find(p.name); ok {
			all[p.name] = binary{path: path, found: true}
			continue
		}
		path, err := b.binary(ctx, p.module)
		if err != nil {
			return nil, err
		}
		all[p.name] = binary{path: path, args: p.args}
	}
	for name, commands := range packaged {
		path, err := findPackaged(commands)
		if err != nil {
			return nil, err
		}
		all[name] = binary{path: path, found: true}
	}
	var err error
	all["moto_server"], err = b.moto(ctx)
	return all, err
}

// find looks for a program on this machine.
func find(name string) (path string, ok bool) {
	if assets := os.Getenv("KUBEBUILDER_ASSETS"); assets != "" {
		if path, err := exec.LookPath(filepath.Join(assets, name)); err == nil {
			return absolute(path)
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", false
	}
	return absolute(path)
}

// absolute makes path independent of the working directory: the servers have another one.
func absolute(path string) (string, bool) {
	path, err := filepath.Abs(path)
	return path, err == nil
}
