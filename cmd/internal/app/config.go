package app

import (
	"fmt"
	"net"
	"net/url"
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
// has its address and its secret here. docs/configuration.md shows it by example.
type Config struct {
	// Listen is the address of the status API, the metrics and the webhook, such as 127.0.0.1:8080.
	Listen string `yaml:"listen"`
	// State is the directory for the clone of the values repository. Only one daemon may use it.
	State      string     `yaml:"state"`
	Repository Repository `yaml:"repository"`
	// Webhook lets the git host say that something was pushed; without it the repository is polled only.
	Webhook *Webhook `yaml:"webhook"`
	// Clusters gives each cluster of cutover.yaml its kubeconfig.
	Clusters map[string]Cluster `yaml:"clusters"`
	// Registry is needed only if a chart of cutover.yaml is in a registry.
	Registry  *Registry `yaml:"registry"`
	Spinnaker Spinnaker `yaml:"spinnaker"`
	Systems   `yaml:",inline"`
	Markers   Markers `yaml:"markers"`
	Drift     Drift   `yaml:"drift"`
	Log       Log     `yaml:"log"`
}

// Repository is the central values repository.
type Repository struct {
	URL  string `yaml:"url"`  // http, https, ssh, or user@host:path
	Base string `yaml:"base"` // the branch that is the truth for the old cluster; default main
	// Username and Token log in over HTTP; SSHKey and KnownHosts over SSH.
	Username   string   `yaml:"username"`
	Token      Secret   `yaml:"token"`
	SSHKey     Secret   `yaml:"sshKey"`
	KnownHosts string   `yaml:"knownHosts"` // a file of known_hosts lines
	Poll       Duration `yaml:"poll"`       // how often to look for commits; default 30s
	// Author signs the daemon's own commits.
	Author Author `yaml:"author"`
}

// Author is the name and the address on a commit.
type Author struct {
	Name  string `yaml:"name"`
	Email string `yaml:"email"`
}

// Webhook is the git host's notification of pushes.
type Webhook struct {
	Kind   githost.Kind `yaml:"kind"` // github, gitlab, gitea, bitbucket or bitbucket-server
	Secret Secret       `yaml:"secret"`
}

// Cluster is how to reach a Kubernetes cluster.
type Cluster struct {
	Kubeconfig string `yaml:"kubeconfig"` // a file; empty uses the Pod's own service account
	Context    string `yaml:"context"`    // empty uses the file's current context
}

// Spinnaker is how to reach Gate.
type Spinnaker struct {
	Gate string `yaml:"gate"` // URL
	// SpinConfig is a configuration file of Spinnaker's own spin command, for its ways to authenticate.
	SpinConfig string `yaml:"spinConfig"`
	Email      string `yaml:"email"` // owner of the applications that the daemon creates
}

// Markers says which phase markers count.
type Markers struct {
	// AllowPush lets a marker count that was pushed to the branch without a pull request.
	AllowPush bool `yaml:"allowPush"`
}

// Drift says what happens to what differs from git in the new cluster.
type Drift struct {
	// Schedule is when everything is asked for anew, in cron's five fields or as @every 10m; default @every 10m.
	Schedule string `yaml:"schedule"`
	// Repair puts drift right; otherwise it is reported only.
	Repair bool `yaml:"repair"`
	// MaxPrune is the share of a service's objects that may be deleted at once, in percent, 0 to 100; default 30.
	MaxPrune *int `yaml:"maxPrune"`
}

// Log is how the daemon logs.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn or error; default info
	Format string `yaml:"format"` // text or json; default json
}

func (c *Config) defaults() {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&c.Listen, "127.0.0.1:8080")
	set(&c.State, "/var/lib/cutover")
	set(&c.Repository.Base, "main")
	set(&c.Repository.Author.Name, "cutover")
	set(&c.Repository.Author.Email, "cutover@localhost")
	set(&c.Spinnaker.Email, c.Repository.Author.Email)
	set(&c.Drift.Schedule, "@every 10m")
	set(&c.Log.Level, "info")
	set(&c.Log.Format, "json")
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
	bad(c.Webhook != nil && !c.Webhook.Kind.Valid(), "webhook.kind", "is required: github, gitlab, gitea, bitbucket or bitbucket-server")
	bad(len(c.Clusters) == 0, "clusters", "is required: name at least the two clusters of the migration")
	for name := range c.Clusters {
		_, err := estate.ParseClusterName(name)
		bad(err != nil, "clusters."+name, "%v", err)
	}
	gate, err := url.Parse(c.Spinnaker.Gate)
	bad(c.Spinnaker.Gate == "", "spinnaker.gate", "is required")
	bad(c.Spinnaker.Gate != "" && (err != nil || gate.Scheme != "http" && gate.Scheme != "https"), "spinnaker.gate", "is no http or https URL")
	bad(err == nil && gate.User != nil, "spinnaker.gate", "has credentials in it: give them in the file that spinnaker.spinConfig names")
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
func (r *Repository) validate(bad func(is bool, key, format string, args ...any)) {
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
