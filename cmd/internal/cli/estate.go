package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"cutover/gitops/estate"
	"cutover/gitops/values"
)

// openTree opens the directory of a values repository.
func openTree(dir string) (fs.FS, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, badInput(fmt.Errorf("values repository: there is no directory %s", dir))
	case err != nil:
		return nil, badInput(fmt.Errorf("values repository: %w", err))
	case !info.IsDir():
		return nil, badInput(fmt.Errorf("values repository: %s is not a directory", dir))
	}
	return os.DirFS(dir), nil
}

// readEstate reads a values repository that must be without fault.
func readEstate(dir string) (*estate.Estate, error) {
	tree, err := openTree(dir)
	if err != nil {
		return nil, err
	}
	e, problems := new(values.Reader).ReadAt(tree, time.Now())
	if err := problems.Err(); err != nil {
		return nil, badInput(fmt.Errorf("%s has %s:\n%w", dir, counted(len(problems), "problem"), err))
	}
	return e, nil
}

func findMigration(e *estate.Estate, name string) (estate.Migration, error) {
	for _, m := range e.Migrations {
		if m.Name.String() == name {
			return m, nil
		}
	}
	return estate.Migration{}, badInput(fmt.Errorf("no migration %q: there is no migrations/%s/migration.yaml", name, name))
}

// findService finds a service by as much of product/namespace/name as tells it from all others.
func findService(e *estate.Estate, name string) (estate.Service, error) {
	var found []estate.Service
	for _, s := range e.Services {
		if name == s.Name.String() || name == s.Namespace.String()+"/"+s.Name.String() || name == s.String() {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return estate.Service{}, badInput(fmt.Errorf("no service is named %q", name))
	case 1:
		return found[0], nil
	}
	names := make([]string, len(found))
	for i, s := range found {
		names[i] = s.String()
	}
	return estate.Service{}, badInput(fmt.Errorf("more than one service is named %q: choose one of %s", name, strings.Join(names, ", ")))
}
