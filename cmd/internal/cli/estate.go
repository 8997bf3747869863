package cli

import (
	"errors"
	"fmt"
	"os"

	"cutover/gitops/estate"
	"cutover/gitops/values"
)

// readEstate reads a values repository that must be without fault.
func readEstate(dir string) (*estate.Estate, error) {
	e, problems := values.Read(os.DirFS(dir))
	if err := problems.Err(); err != nil {
		return nil, badInput(err)
	}
	return e, nil
}

// findMigration finds a migration by name; without a name, the only one.
func findMigration(e *estate.Estate, name string) (estate.Migration, error) {
	if name == "" {
		if len(e.Migrations) == 1 {
			return e.Migrations[0], nil
		}
		return estate.Migration{}, badInput(fmt.Errorf("the repository has %d migrations: choose one with --migration", len(e.Migrations)))
	}
	for _, m := range e.Migrations {
		if m.Name.String() == name {
			return m, nil
		}
	}
	return estate.Migration{}, badInput(fmt.Errorf("no migration %q: there is no migrations/%s/migration.yaml", name, name))
}

// findService finds a service by its name or by namespace/name. Across products the name must be unique.
func findService(e *estate.Estate, name string) (estate.Service, error) {
	var found []estate.Service
	for _, s := range e.Services {
		if name == s.Name.String() || name == s.Namespace.String()+"/"+s.Name.String() || name == s.ServiceID.String() {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return estate.Service{}, badInput(fmt.Errorf("no service %q", name))
	case 1:
		return found[0], nil
	}
	err := fmt.Errorf("more than one service is named %q:", name)
	for _, s := range found {
		err = errors.Join(err, fmt.Errorf("  %s", s.ServiceID))
	}
	return estate.Service{}, badInput(err)
}
