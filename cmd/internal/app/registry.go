package app

import (
	"cutover/reconciler"
	"cutover/reconciler/remote/registry"
)

// Registry is how to reach the OCI registries that charts come from.
type Registry struct {
	// Host is the registry that Username and Password are for; every other one gets what Helm's and docker's
	// credential files hold for it. Which hosts are asked is written in the values repository.
	Host     string `yaml:"host"`
	Username string `yaml:"username"`
	Password Secret `yaml:"password"`
	// PlainHTTP are hosts, with their ports, that are spoken to without TLS.
	PlainHTTP []string `yaml:"plainHTTP"`
}

func (r *Registry) validate(bad func(is bool, key, format string, args ...any)) {
	if r == nil {
		return
	}
	bad((r.Username == "") != r.Password.IsZero(), "registry", "give both username and password, or neither")
	bad(r.Username != "" && r.Host == "", "registry.host", "is required: say which registry the password is for")
}

// openRegistry returns nil for a daemon that has no registry. Pulled charts are kept in dir.
func openRegistry(c *Registry, dir string) (reconciler.Charts, error) {
	if c == nil {
		return nil, nil
	}
	return registry.New(registry.Config{
		Dir: dir, Host: c.Host, Username: c.Username, Password: c.Password.Reveal(), PlainHTTP: c.PlainHTTP,
	})
}
