package app

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
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

// Systems are the outside systems that a migration may need. Those that none needs may be left out.
type Systems struct {
	// GitHost is where the pull requests of the values repository are. Without it none is opened, and no marker counts
	// unless `markers.allowPush` is set.
	GitHost *GitHost `yaml:"gitHost"`
	// Vault is where the product's secrets are. It is needed if the clusters of `cutover.yaml` name their secrets.
	Vault *Vault `yaml:"vault"`
	// AWS is where the roles are. It is needed if a migration names roles; `{}` is enough. Credentials come from where AWS's
	// own tools take them: the environment, the shared files, a web identity, or the machine's role.
	AWS *AWS `yaml:"aws"`
	// Alertmanager is where alarms are silenced. It is needed if a migration names alarms.
	Alertmanager *HTTPSystem `yaml:"alertmanager"`
	// Prometheus is where weights are judged, or what speaks its query API. It is needed if a migration names an analysis.
	Prometheus *HTTPSystem `yaml:"prometheus"`
	// HAProxy is the fleet of edge proxies. It is needed if a migration names an edge: see docs/edge.md.
	HAProxy *HAProxy `yaml:"haproxy"`
}

// GitHost is where the pull requests of the values repository are.
type GitHost struct {
	// Kind is `github`, `gitlab`, `gitea`, `bitbucket` or `bitbucket-server`.
	Kind githost.Kind `yaml:"kind"`
	// URL is the host as a browser knows it. The default is the public one of GitHub, GitLab and Bitbucket; for the other
	// kinds it is required.
	URL string `yaml:"url"`
	// Repository is owner/name; a GitLab project may have more parts. The default is the path of `repository.url`.
	Repository string `yaml:"repository"`
	// Username is needed only for tokens of Bitbucket that are used as a user's password.
	Username string `yaml:"username"`
	// Token is of the user as whom pull requests are opened, a user of the daemon's own: what it writes approves nothing. It
	// must be allowed to read and write pull requests, their comments and statuses of commits, and to read files and its own
	// user.
	Token Secret `yaml:"token"`
}

// Vault is where the product's secrets are.
type Vault struct {
	// Address is its URL. The environment is not read.
	Address string `yaml:"address"`
	// Namespace is a namespace of Vault Enterprise.
	Namespace string `yaml:"namespace"`
	// CAFile is a file in PEM with the authority that signed its certificate. The default is those of the system.
	CAFile string `yaml:"caFile"`
	// Token logs in. It is renewed while it can be. Exactly one of `token`, `tokenFile`, `appRole` and `kubernetes` is given.
	Token Secret `yaml:"token"`
	// TokenFile is a file with a token that something else renews, such as Vault Agent; it is read again when the token has
	// ended.
	TokenFile string `yaml:"tokenFile"`
	// AppRole logs in as a machine.
	AppRole *VaultAppRole `yaml:"appRole"`
	// Kubernetes logs in as a Pod.
	Kubernetes *VaultKubernetes `yaml:"kubernetes"`
	// SyncRoles are the auth roles by which secret-sync will log in, such as `auth/kubernetes-prod2/role/secret-sync`: step 2
	// checks that they exist, and that their policies let them read the copy. Without it nothing is checked, and the plan of
	// step 2 says so.
	SyncRoles []string `yaml:"syncRoles"`
}

// VaultAppRole logs in as a machine.
type VaultAppRole struct {
	// Mount is where the method is mounted.
	Mount string `yaml:"mount"`
	// RoleID is the role's id.
	RoleID string `yaml:"roleID"`
	// SecretID is the role's secret id. A file is read again at each log-in, so that the secret id may be rotated.
	SecretID Secret `yaml:"secretID"`
}

// VaultKubernetes logs in as a Pod.
type VaultKubernetes struct {
	// Mount is where the method is mounted.
	Mount string `yaml:"mount"`
	// Role is the role to log in by.
	Role string `yaml:"role"`
	// JWTFile is a file with a service account's token, read at each log-in. The default is where a Pod has its own.
	JWTFile string `yaml:"jwtFile"`
}

// AWS is where the roles are.
type AWS struct {
	// Region decides the partition (standard, China, GovCloud). The default is what the environment says, or else us-east-1.
	Region string `yaml:"region"`
	// Endpoint is the URL of what stands in for AWS. The default is AWS itself.
	Endpoint string `yaml:"endpoint"`
	// PolicyQuota is the account's quota "role trust policy length", in characters, 2048 to 4096. AWS raises its own on
	// request, and this key is then to be raised, too.
	PolicyQuota int `yaml:"policyQuota"`
}

// HTTPSystem is Alertmanager or Prometheus, and how to log in to what stands in front of it.
type HTTPSystem struct {
	// URL is its URL, without credentials in it.
	URL string `yaml:"url"`
	// Username is for what stands in front of it.
	Username string `yaml:"username"`
	// Password is that of `username`.
	Password Secret `yaml:"password"`
	// Token is sent as a bearer token, instead of user name and password.
	Token Secret `yaml:"token"`
}

// HAProxy is the fleet of edge proxies.
type HAProxy struct {
	// Proxies gives each proxy that a migration names the address of its stats socket: `HOST:PORT`, or the path of a Unix
	// socket.
	Proxies map[string]string `yaml:"proxies"`
}

// What AWS gives an account without asking, and at most.
const (
	leastPolicyQuota = 2048
	mostPolicyQuota  = 4096
)

func (s *Systems) defaults(set func(field *string, value string)) {
	if s.AWS != nil && s.AWS.PolicyQuota == 0 {
		s.AWS.PolicyQuota = leastPolicyQuota
	}
	if s.Vault == nil {
		return
	}
	if r := s.Vault.AppRole; r != nil {
		set(&r.Mount, "approle")
	}
	if k := s.Vault.Kubernetes; k != nil {
		set(&k.Mount, "kubernetes")
	}
}

// complain notes a mistake at a key if there is one.
type complain func(is bool, key, format string, args ...any)

// wantURL never shows the text: it may hold the credentials that are complained about.
func wantURL(bad complain, key, text, instead string) {
	u, err := url.Parse(text)
	bad(text == "", key, "is required")
	bad(text != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == ""), key, "is no http or https URL")
	bad(err == nil && u.User != nil, key, "has credentials in it: %s", instead)
}

func (s *Systems) validate(bad complain) {
	s.GitHost.validate(bad)
	s.Vault.validate(bad)
	s.AWS.validate(bad)
	s.Alertmanager.validate(bad, "alertmanager")
	s.Prometheus.validate(bad, "prometheus")
	if s.HAProxy == nil {
		return
	}
	bad(len(s.HAProxy.Proxies) == 0, "haproxy.proxies", "is required: name every proxy of the fleet")
	for _, name := range slices.Sorted(maps.Keys(s.HAProxy.Proxies)) {
		address := s.HAProxy.Proxies[name]
		host, port, err := net.SplitHostPort(address)
		bad(!strings.HasPrefix(address, "/") && (err != nil || host == "" || port == ""), "haproxy.proxies."+name,
			"%q is neither HOST:PORT nor the path of a Unix socket, which begins with /", address)
	}
}

func (g *GitHost) validate(bad complain) {
	if g == nil {
		return
	}
	bad(!g.Kind.Valid(), "gitHost.kind", kinds)
	bad(g.Token.IsZero(), "gitHost.token", "is required, to open pull requests with")
	hosted := g.Kind == githost.Gitea || g.Kind == githost.BitbucketServer
	bad(g.URL == "" && hosted, "gitHost.url", "is required for %s", g.Kind)
	if g.URL != "" {
		wantURL(bad, "gitHost.url", g.URL, "give them as gitHost.token")
	}
	bad(g.Repository != "" && !ownerAndName.MatchString(g.Repository), "gitHost.repository", "%q is not owner/name", g.Repository)
}

// ownerAndName is how git hosts name a repository; a GitLab project may have more parts.
var ownerAndName = regexp.MustCompile(`^[^/]+(/[^/]+)+$`)

func (a *AWS) validate(bad complain) {
	if a == nil {
		return
	}
	if a.Endpoint != "" {
		wantURL(bad, "aws.endpoint", a.Endpoint, "AWS's own tools say where credentials are given")
	}
	bad(a.PolicyQuota < leastPolicyQuota || a.PolicyQuota > mostPolicyQuota, "aws.policyQuota",
		"%d is no quota of AWS: give %d to %d characters", a.PolicyQuota, leastPolicyQuota, mostPolicyQuota)
}

func (v *Vault) validate(bad complain) {
	if v == nil {
		return
	}
	wantURL(bad, "vault.address", v.Address, "give a way to log in below vault")
	ways := 0
	for _, given := range []bool{!v.Token.IsZero(), v.TokenFile != "", v.AppRole != nil, v.Kubernetes != nil} {
		if given {
			ways++
		}
	}
	bad(ways != 1, "vault", "give exactly one way to log in: token, tokenFile, appRole or kubernetes")
	if r := v.AppRole; r != nil {
		bad(r.RoleID == "", "vault.appRole.roleID", "is required")
		bad(r.SecretID.IsZero(), "vault.appRole.secretID", "is required")
	}
	if k := v.Kubernetes; k != nil {
		bad(k.Role == "", "vault.kubernetes.role", "is required")
	}
	for _, role := range v.SyncRoles {
		bad(!authRole.MatchString(role), "vault.syncRoles", "%q is no path of a role, such as auth/kubernetes/role/secret-sync", role)
	}
}

// authRole is the path of a role of one of Vault's ways to log in.
var authRole = regexp.MustCompile(`^auth/.+/role/.+$`)

func (h *HTTPSystem) validate(bad complain, key string) {
	if h == nil {
		return
	}
	wantURL(bad, key+".url", h.URL, "give them as "+key+".username and "+key+".password")
	bad((h.Username == "") != h.Password.IsZero(), key, "give both username and password, or neither")
	bad(h.Username != "" && !h.Token.IsZero(), key, "give a token, or username and password, and not both")
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
		client, err := iam.New(ctx, iam.Config{Region: s.AWS.Region, Endpoint: s.AWS.Endpoint, PolicyQuota: s.AWS.PolicyQuota})
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
		c.Auth.AppRole = &vault.AppRole{Mount: r.Mount, RoleID: r.RoleID, SecretIDFile: r.SecretID.File()}
		if c.Auth.AppRole.SecretIDFile == "" {
			c.Auth.AppRole.SecretID = vault.NewValue(string(r.SecretID.Reveal()))
		}
	}
	if k := v.Kubernetes; k != nil {
		c.Auth.Kubernetes = &vault.Kubernetes{Mount: k.Mount, Role: k.Role, JWTFile: k.JWTFile}
	}
	return c
}
