package app

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/robfig/cron/v3"
	"go.yaml.in/yaml/v3"

	"cutover/gitops/estate"
	"cutover/gitops/githost"
)

// Config is the daemon's own configuration: what the values repository only names (clusters, hosts, credentials)
// has its address and its secret here. The comments of its fields are the table of docs/configuration.md: see package
// docs.
type Config struct {
	// Listen is where the daemon answers: `/healthz`, `/readyz`, `/metrics`, `/status`, `/api/v1/migrations`,
	// `/webhook`. No log-in is asked for, so only `/webhook` belongs on a public address. Port 0 takes a free one, which the
	// log's line `listening` tells.
	Listen string `yaml:"listen"`
	// State is the directory for the clone of the values repository and the journal. One daemon at a time may use it. The
	// clone can be made again; the journal, `journal.db`, cannot: keep it. `status`, `plan`, `advance` and `history` read it.
	State string `yaml:"state"`
	// Repository is the central values repository.
	Repository Repository `yaml:"repository"`
	// Webhook lets the git host say that something was pushed, or said about a pull request. Without it the daemon polls.
	Webhook *Webhook `yaml:"webhook"`
	// Clusters are all clusters that the migrations name, each by its name in `cutover.yaml`. The old one is only read.
	Clusters map[string]Cluster `yaml:"clusters"`
	// Registry is needed only if a chart of `cutover.yaml` is in an OCI registry; `{}` is enough for one that asks for no
	// log-in.
	Registry *Registry `yaml:"registry"`
	// Spinnaker is how to reach Gate.
	Spinnaker Spinnaker `yaml:"spinnaker"`
	Systems   `yaml:",inline"`
	// Markers says which phase markers count.
	Markers Markers `yaml:"markers"`
	// Drift says what happens to what differs from git in the new cluster.
	Drift Drift `yaml:"drift"`
	// Log is how the daemon logs, on the standard error.
	Log Log `yaml:"log"`
}

// Repository is the central values repository.
type Repository struct {
	// URL is `https://`, `http://`, `ssh://` or `user@host:path`, without credentials in it. It stands in the artifacts of the
	// generated pipelines, and its path in their ids: see below.
	URL string `yaml:"url"`
	// Base is the branch that is the truth for the old stack.
	Base string `yaml:"base"`
	// Username is for the log-in over HTTP. Most hosts take any with a token.
	Username string `yaml:"username"`
	// Token is the password or token over HTTP. It must be allowed to push to `migration/*` and `advance/*`.
	Token Secret `yaml:"token"`
	// SSHKey is a private key in PEM, without a passphrase. It is required for SSH.
	SSHKey Secret `yaml:"sshKey"`
	// KnownHosts is a file of known_hosts lines; the server's key must be among them. It is required for SSH.
	KnownHosts string `yaml:"knownHosts"`
	// Poll is how often to look for commits, at least `1s`; a little is added or taken at random. A webhook makes it faster.
	Poll Duration `yaml:"poll"`
	// Author signs the daemon's own commits.
	Author Author `yaml:"author"`
}

// Author is the name and the address on a commit.
type Author struct {
	// Name is the name on the daemon's commits.
	Name string `yaml:"name"`
	// Email is the address on the daemon's commits.
	Email string `yaml:"email"`
}

// Webhook is the git host's notification of pushes.
type Webhook struct {
	// Kind is `github`, `gitlab`, `gitea`, `bitbucket` or `bitbucket-server`: which host calls `/webhook`, for pushes and for
	// what happens to pull requests.
	Kind githost.Kind `yaml:"kind"`
	// Secret is what the git host signs its calls with. A call that is not signed with it is refused.
	Secret Secret `yaml:"secret"`
}

// Cluster is how to reach a Kubernetes cluster.
type Cluster struct {
	// Kubeconfig is a file. The default is the Pod's own service account.
	Kubeconfig string `yaml:"kubeconfig"`
	// Context is a context in that file. The default is the file's current one.
	Context string `yaml:"context"`
}

// Spinnaker is how to reach Gate.
type Spinnaker struct {
	// Gate is its URL, without credentials in it.
	Gate string `yaml:"gate"`
	// UI is the address of Deck, Spinnaker's pages for people. With it a deployment that fails is told with a link to its
	// execution.
	UI string `yaml:"ui"`
	// SpinConfig is a configuration file of Spinnaker's own `spin` command, for its ways to log in.
	SpinConfig string `yaml:"spinConfig"`
	// Email is the owner of the Spinnaker applications that the daemon creates. The default is `repository.author.email`.
	Email string `yaml:"email"`
}

// Markers says which phase markers count.
type Markers struct {
	// AllowPush lets a phase marker count that was pushed without a pull request. It is for the lab and for tests: see
	// docs/decisions/0007-pushed-markers.md.
	AllowPush bool `yaml:"allowPush"`
}

// Drift says what happens to what differs from git in the new cluster.
type Drift struct {
	// Schedule is when everything is asked for anew: five fields as in cron, in the daemon's time zone, or `@every 10m`.
	Schedule string `yaml:"schedule"`
	// Repair puts drift in the new cluster right; without it, drift is only reported.
	Repair bool `yaml:"repair"`
	// MaxPrune is the largest share of one service's objects that may be deleted at once, in percent, 0 to 100. If more
	// would go, none is deleted and a person has to look; the rest of the service is still put right. A service of fewer
	// than four objects may lose one, unless this is 0. Finished Jobs that git has replaced do not count.
	MaxPrune *int `yaml:"maxPrune"`
}

// Log is how the daemon logs.
type Log struct {
	// Level is `debug`, `info`, `warn` or `error`.
	Level string `yaml:"level"`
	// Format is `json` or `text`.
	Format string `yaml:"format"`
}

// kinds is what is wrong with a git host's kind.
const kinds = "is required: github, gitlab, gitea, bitbucket or bitbucket-server"

func (c *Config) defaults() {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&c.Listen, "127.0.0.1:8080")
	set(&c.State, "/var/lib/cutover")
	set(&c.Repository.Base, "main")
	set(&c.Repository.Username, "git")
	set(&c.Repository.Author.Name, "cutover")
	set(&c.Repository.Author.Email, "cutover@localhost")
	set(&c.Spinnaker.Email, c.Repository.Author.Email)
	set(&c.Drift.Schedule, "@every 10m")
	set(&c.Log.Level, "info")
	set(&c.Log.Format, "json")
	c.Systems.defaults(set)
	if c.Repository.Poll == 0 {
		c.Repository.Poll = Duration(30 * time.Second)
	}
	if c.Drift.MaxPrune == nil {
		share := 30
		c.Drift.MaxPrune = &share
	}
}

// validate finds the values that cannot be, and their lines in data.
func (c *Config) validate(data []byte) mistakes {
	var out mistakes
	bad := func(is bool, key, format string, args ...any) {
		if is {
			out = append(out, mistake{lineOfKey(data, key), key + ": " + fmt.Sprintf(format, args...)})
		}
	}
	c.Repository.validate(bad)
	c.Registry.validate(bad)
	c.Systems.validate(bad)
	_, _, err := net.SplitHostPort(c.Listen)
	bad(err != nil, "listen", "%q is no address such as 127.0.0.1:8080", c.Listen)
	bad(c.Webhook != nil && c.Webhook.Secret.IsZero(), "webhook.secret", "is required, so that nobody else can wake the daemon")
	bad(c.Webhook != nil && !c.Webhook.Kind.Valid(), "webhook.kind", kinds)
	bad(len(c.Clusters) == 0, "clusters", "is required: name at least the two clusters of the migration")
	for name := range c.Clusters {
		_, err := estate.ParseClusterName(name)
		bad(err != nil, "clusters."+name, "%v", err)
	}
	wantURL(bad, "spinnaker.gate", c.Spinnaker.Gate, "give them in the file that spinnaker.spinConfig names")
	if c.Spinnaker.UI != "" {
		wantURL(bad, "spinnaker.ui", c.Spinnaker.UI, "people log in there themselves")
	}
	_, err = cron.ParseStandard(c.Drift.Schedule)
	bad(err != nil, "drift.schedule", "%v", err)
	bad(*c.Drift.MaxPrune < 0 || *c.Drift.MaxPrune > 100, "drift.maxPrune", "%d is no percentage: give 0 to 100", *c.Drift.MaxPrune)
	oneOf := func(key, value string, of ...string) {
		bad(!slices.Contains(of, value), key, "%q is none of %s", value, strings.Join(of, ", "))
	}
	oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf("log.format", c.Log.Format, "text", "json")
	return out
}

// validate never shows the URL: it may hold the credentials that are complained about.
func (r *Repository) validate(bad complain) {
	bad(r.Poll < Duration(time.Second), "repository.poll", "%s is less than a second", time.Duration(r.Poll))
	if r.URL == "" {
		bad(true, "repository.url", "is required")
		return
	}
	at, err := transport.NewEndpoint(r.URL)
	if err != nil {
		bad(true, "repository.url", "is no URL")
		return
	}
	http, ssh := at.Protocol == "http" || at.Protocol == "https", at.Protocol == "ssh"
	bad(!http && !ssh, "repository.url", "is no http, https or ssh URL")
	bad(http && (at.User != "" || at.Password != ""), "repository.url", "has credentials in it: give them as repository.username and repository.token")
	bad(ssh && at.Password != "", "repository.url", "has a password in it: give a key as repository.sshKey")
	bad(ssh && r.SSHKey.IsZero(), "repository.sshKey", "is required for ssh")
	bad(ssh && r.KnownHosts == "", "repository.knownHosts", "is required for ssh: a file with the server's line of known_hosts")
}

// Duration is a time span as people write it: 30s, 10m.
type Duration time.Duration

// UnmarshalYAML reads the span, or says at which line it is none.
func (d *Duration) UnmarshalYAML(node *yaml.Node) error {
	span, err := time.ParseDuration(node.Value)
	if err != nil {
		return mistakeAt(node, "%q is no duration such as 30s", node.Value)
	}
	*d = Duration(span)
	return nil
}

// mistakeAt is an error of which the YAML library collects all, with their lines.
func mistakeAt(node *yaml.Node, format string, args ...any) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: ", node.Line) + fmt.Sprintf(format, args...)}}
}
