package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"cutover/gitops/githost"
	"cutover/gitops/repo"
	"cutover/reconciler"
	"cutover/reconciler/remote/alertmanager"
	"cutover/reconciler/remote/haproxy"
	"cutover/reconciler/remote/iam"
	"cutover/reconciler/remote/prometheus"
	"cutover/reconciler/remote/vault"
)

// GitHost is where the pull requests of the values repository are. Without it none is opened.
type GitHost struct {
	Kind githost.Kind `yaml:"kind"` // github, gitlab, gitea, bitbucket or bitbucket-server
	// URL is the host as a browser knows it; empty for the public one of the kind.
	URL string `yaml:"url"`
	// Repository is owner/name; default is the path of repository.url.
	Repository string `yaml:"repository"`
	Username   string `yaml:"username"`
	Token      Secret `yaml:"token"`
}

// Vault is where the product's secrets are.
type Vault struct {
	Address   string `yaml:"address"` // URL
	Namespace string `yaml:"namespace"`
	CAFile    string `yaml:"caFile"` // PEM
	// Exactly one of Token, TokenFile, AppRole and Kubernetes logs in.
	Token      Secret           `yaml:"token"`
	TokenFile  string           `yaml:"tokenFile"` // read again when the token has ended
	AppRole    *VaultAppRole    `yaml:"appRole"`
	Kubernetes *VaultKubernetes `yaml:"kubernetes"`
	// SyncRoles are the auth roles that secret-sync uses, such as auth/kubernetes-prod2/role/secret-sync: step 2 checks
	// that they exist.
	SyncRoles []string `yaml:"syncRoles"`
}

// VaultAppRole logs in as a machine.
type VaultAppRole struct {
	Mount    string `yaml:"mount"` // default approle
	RoleID   string `yaml:"roleID"`
	SecretID Secret `yaml:"secretID"`
}

// VaultKubernetes logs in as a Pod.
type VaultKubernetes struct {
	Mount   string `yaml:"mount"` // default kubernetes
	Role    string `yaml:"role"`
	JWTFile string `yaml:"jwtFile"` // default is where a Pod has its token
}

// AWS is where the roles are. Credentials come from where AWS's own tools take them.
type AWS struct {
	Region   string `yaml:"region"`
	Endpoint string `yaml:"endpoint"` // empty for AWS itself
}

// HTTPSystem is Alertmanager or Prometheus, and how to log in to what stands in front of it.
type HTTPSystem struct {
	URL      string `yaml:"url"`
	Username string `yaml:"username"`
	Password Secret `yaml:"password"`
	Token    Secret `yaml:"token"` // sent as a bearer token
}

// HAProxy is the fleet of edge proxies.
type HAProxy struct {
	// Proxies gives each proxy that a migration names the address of its stats socket: host:port, or a path.
	Proxies map[string]string `yaml:"proxies"`
}

// Systems are the outside systems that a migration may need. Those that none needs may be left out.
type Systems struct {
	GitHost      *GitHost    `yaml:"gitHost"`
	Vault        *Vault      `yaml:"vault"`
	AWS          *AWS        `yaml:"aws"`
	Alertmanager *HTTPSystem `yaml:"alertmanager"`
	Prometheus   *HTTPSystem `yaml:"prometheus"`
	HAProxy      *HAProxy    `yaml:"haproxy"`
}

func (s *Systems) validate(bad func(is bool, key, format string, args ...any)) {
	isURL := func(key, text string) {
		u, err := url.Parse(text)
		bad(text == "", key, "is required")
		bad(text != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == ""), key, "is no http or https URL")
		bad(err == nil && u.User != nil, key, "has credentials in it")
	}
	if s.GitHost != nil {
		bad(!s.GitHost.Kind.Valid(), "gitHost.kind", "is required: github, gitlab, gitea, bitbucket or bitbucket-server")
		bad(s.GitHost.Token.IsZero(), "gitHost.token", "is required, to open pull requests with")
	}
	if s.Vault != nil {
		isURL("vault.address", s.Vault.Address)
	}
	if s.Alertmanager != nil {
		isURL("alertmanager.url", s.Alertmanager.URL)
	}
	if s.Prometheus != nil {
		isURL("prometheus.url", s.Prometheus.URL)
	}
	if s.HAProxy != nil {
		bad(len(s.HAProxy.Proxies) == 0, "haproxy.proxies", "is required: name every proxy of the fleet")
	}
}

// open connects c to the systems that are configured; the others stay nil.
func (s *Systems) open(ctx context.Context, repositoryURL string, log *slog.Logger, c *reconciler.Config) error {
	if g := s.GitHost; g != nil {
		name := g.Repository
		if name == "" {
			name = repo.Name(repositoryURL)
		}
		client, err := githost.New(githost.ClientConfig{
			Kind: g.Kind, Server: g.URL, Repository: name, Token: string(g.Token.Reveal()), Username: g.Username,
		})
		if err != nil {
			return err
		}
		c.Reviews, c.Conversations = client, client
	}
	if v := s.Vault; v != nil {
		client, err := vault.New(v.config(log))
		if err != nil {
			return err
		}
		c.Secrets = client
	}
	if s.AWS != nil {
		client, err := iam.New(ctx, iam.Config{Region: s.AWS.Region, Endpoint: s.AWS.Endpoint})
		if err != nil {
			return fmt.Errorf("aws: %w", err)
		}
		c.Roles = client
	}
	if s.Alertmanager != nil {
		client, err := alertmanager.New(alertmanager.Config{
			URL: s.Alertmanager.URL, Username: s.Alertmanager.Username, Password: string(s.Alertmanager.Password.Reveal()), Token: string(s.Alertmanager.Token.Reveal()),
		})
		if err != nil {
			return err
		}
		c.Alarms = client
	}
	if s.Prometheus != nil {
		client, err := prometheus.New(prometheus.Config{
			URL: s.Prometheus.URL, Username: s.Prometheus.Username, Password: string(s.Prometheus.Password.Reveal()), Token: string(s.Prometheus.Token.Reveal()),
		})
		if err != nil {
			return err
		}
		c.Measurements = client
	}
	if s.HAProxy != nil {
		fleet, err := haproxy.New(haproxy.Config{Proxies: s.HAProxy.Proxies, Timeout: 3 * time.Second})
		if err != nil {
			return err
		}
		c.Edge = fleet
	}
	return nil
}

func (v *Vault) config(log *slog.Logger) vault.Config {
	c := vault.Config{
		Address: v.Address, Namespace: v.Namespace, CAFile: v.CAFile, SyncRoles: v.SyncRoles, Log: log,
		Auth: vault.Auth{Token: vault.NewValue(string(v.Token.Reveal())), TokenFile: v.TokenFile},
	}
	if r := v.AppRole; r != nil {
		c.Auth.AppRole = &vault.AppRole{Mount: r.Mount, RoleID: r.RoleID, SecretID: vault.NewValue(string(r.SecretID.Reveal()))}
	}
	if k := v.Kubernetes; k != nil {
		c.Auth.Kubernetes = &vault.Kubernetes{Mount: k.Mount, Role: k.Role, JWTFile: k.JWTFile}
	}
	return c
}
