package vault

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"
)

const (
	defaultTimeout = 15 * time.Second
	// parallel is how many requests are under way at once.
	parallel = 8
)

// Config says where Vault is and how to log in.
type Config struct {
	// Address is Vault's URL, such as https://vault.example.com:8200. The environment is not read.
	Address string
	// Namespace is a namespace of Vault Enterprise; "" for none.
	Namespace string
	// CAFile is a PEM file with the authority that signed Vault's certificate; "" for those of the system.
	CAFile string
	// Auth is how to log in.
	Auth Auth
	// SyncRoles are the auth roles by which secret-sync will read the copy, as paths such as
	// auth/kubernetes-prod2/role/secret-sync. Compare says so if one of them, or a policy that one names, is missing, or if
	// these policies do not let it read the copy. What the identity of who logs in adds to them is not known.
	SyncRoles []string
	// Timeout bounds one request; default 15s.
	Timeout time.Duration
	// Log may be nil.
	Log *slog.Logger
}

// Auth is how to log in: exactly one of its ways is set.
type Auth struct {
	// Token is renewed while it can be. When it ends, somebody has to configure another one.
	Token Value
	// TokenFile is read for the token, and read again when the token has ended, as for one that Vault Agent renews.
	TokenFile string
	AppRole   *AppRole
	// Kubernetes logs in with a service account's token.
	Kubernetes *Kubernetes
}

// AppRole is Vault's way to log in for machines.
type AppRole struct {
	Mount  string // default approle
	RoleID string
	// SecretID or SecretIDFile; the file is read at each log-in.
	SecretID     Value
	SecretIDFile string
}

// Kubernetes is Vault's way to log in for Pods.
type Kubernetes struct {
	Mount string // default kubernetes
	Role  string
	// JWTFile is read at each log-in, since the kubelet renews it; default is where a Pod has it.
	JWTFile string
}

const podToken = "/var/run/secrets/kubernetes.io/serviceaccount/token" //nolint:gosec // the path of a token, and none

// check completes the configuration, or says what is wrong with it.
func (c *Config) check() error {
	u, err := url.Parse(c.Address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil {
		return errors.New("vault: the address must be an http or https URL without credentials, such as https://vault.example.com:8200")
	}
	if c.Timeout < 0 {
		return errors.New("vault: the timeout must not be negative")
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	for _, role := range c.SyncRoles {
		if !strings.HasPrefix(role, "auth/") || !strings.Contains(role, "/role/") {
			return fmt.Errorf("vault: %q is no path of a role, such as auth/kubernetes/role/secret-sync", role)
		}
	}
	return c.Auth.check()
}

func (a *Auth) check() error {
	ways := 0
	for _, set := range []bool{!a.Token.IsZero(), a.TokenFile != "", a.AppRole != nil, a.Kubernetes != nil} {
		if set {
			ways++
		}
	}
	if ways != 1 {
		return errors.New("vault: configure exactly one way to log in: a token, a token file, AppRole or Kubernetes")
	}
	if r := a.AppRole; r != nil {
		made := *r
		made.Mount = mountOr(r.Mount, "approle")
		if made.RoleID == "" || made.SecretID.IsZero() == (made.SecretIDFile == "") {
			return errors.New("vault: AppRole needs a role id, and either a secret id or a file with it")
		}
		a.AppRole = &made
	}
	if k := a.Kubernetes; k != nil {
		made := *k
		made.Mount = mountOr(k.Mount, "kubernetes")
		if made.JWTFile == "" {
			made.JWTFile = podToken
		}
		if made.Role == "" {
			return errors.New("vault: Kubernetes authentication needs a role")
		}
		a.Kubernetes = &made
	}
	return nil
}

func mountOr(mount, otherwise string) string {
	if mount = strings.Trim(mount, "/"); mount == "" {
		return otherwise
	}
	return mount
}
