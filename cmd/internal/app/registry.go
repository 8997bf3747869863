package app

import (
	"cutover/reconciler"
	"cutover/reconciler/remote/registry"
)

// Registry is how to reach the OCI registries that charts come from.
type Registry struct {
	// Host is the registry that `registry.username` and `registry.password` are for, with its port if it has one. Other hosts
	// get what the credential files of Helm and docker hold for them. It is required with a user name.
	Host string `yaml:"host"`
	// Username logs in to `registry.host`.
	Username string `yaml:"username"`
	// Password is the password or token for `registry.host`.
	Password Secret `yaml:"password"`
	// PlainHTTP are hosts, with their ports, that are spoken to without TLS.
	PlainHTTP []string `yaml:"plainHTTP"`
}

func (r *Registry) validate(bad complain) {
	if r == nil {
		return
	}
	bad((r.Username == "") != r.Password.IsZero(), "registry", "give both username and password, or neither")
	bad(r.Username != "" && r.Host == "", "registry.host", "is required with a user name: say which registry it is for")
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
