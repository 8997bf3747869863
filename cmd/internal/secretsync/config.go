package secretsync

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"

	"cutover/reconciler/remote/vault"
)

// Config is what Run needs. Vault, Root and REST are required.
type Config struct {
	Vault vault.Config
	// Root is the path in Vault below which are this cluster's secrets, such as k8s-secret/orbit-prod2.
	Root string
	// REST says where the cluster's API server is and how to log in.
	REST *rest.Config
	// Instance tells this program's Secrets from those of another one in the same cluster; default secret-sync.
	Instance string
	// Interval is how often Vault is read; default 1m.
	Interval time.Duration
	// MaxDelete is the share of our Secrets that one pass may delete, in percent, 0 to 100; nil is 30.
	MaxDelete *int
	// CreateNamespaces creates a namespace that Vault names and the cluster lacks. Otherwise it is reported.
	CreateNamespaces bool
	// Listen is the address of health and metrics, such as :8080; "" for none.
	Listen string
	// Listening, if set, is told the address once it is listened on.
	Listening func(net.Addr)
	// Once makes Run return after one pass, with its error.
	Once bool
	// Log may be nil.
	Log *slog.Logger
}

const (
	defaultInstance  = "secret-sync"
	defaultInterval  = time.Minute
	defaultMaxDelete = 30
)

func (c *Config) check() error {
	if c.REST == nil {
		return errors.New("secret-sync: no configuration of the cluster")
	}
	if strings.Trim(c.Root, "/") == "" {
		return errors.New("secret-sync: no root: name the path in Vault, such as k8s-secret/orbit-prod2")
	}
	if c.Instance == "" {
		c.Instance = defaultInstance
	}
	if wrong := validation.IsDNS1123Label(c.Instance); len(wrong) > 0 {
		return fmt.Errorf("secret-sync: instance %q: %s", c.Instance, wrong[0])
	}
	if c.Interval == 0 {
		c.Interval = defaultInterval
	}
	if c.Interval < time.Second {
		return errors.New("secret-sync: the interval must be a second or more")
	}
	if c.MaxDelete == nil {
		share := defaultMaxDelete
		c.MaxDelete = &share
	}
	if *c.MaxDelete < 0 || *c.MaxDelete > 100 {
		return errors.New("secret-sync: the share that may be deleted is in percent, 0 to 100")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}
