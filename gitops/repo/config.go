package repo

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport"

	"cutover/reconciler/failure"
)

// defaultTimeout is enough to clone a values repository of some thousand files over a slow line.
const defaultTimeout = 2 * time.Minute

// Config says where the values repository is and who commits to it.
type Config struct {
	// URL is http://, https://, ssh:// or user@host:path. It has no credentials in it.
	URL string
	// Dir is the directory for the clone, used by one process at a time. It is made if it does not exist.
	Dir    string
	Auth   Auth
	Author Identity
	// CACert are PEM certificates to trust besides the system's, for https.
	CACert []byte
	// Timeout bounds one exchange with the remote, a first clone included. Zero means two minutes.
	Timeout time.Duration
}

// Auth are the credentials: Username and Token for HTTP, PrivateKey and KnownHosts for SSH.
type Auth struct {
	Username string // most git hosts accept any with a token; empty means git
	Token    string // empty for a repository that everyone may read
	// PrivateKey is in PEM, without a passphrase.
	PrivateKey []byte
	// KnownHosts are lines of an OpenSSH known_hosts file. The server's key must be among them.
	KnownHosts []byte
}

// Identity is the author and committer of the program's commits.
type Identity struct {
	Name, Email string
}

// endpoint checks the configuration and returns the parsed URL. Its errors do not show the URL, which may hold the
// credentials that they complain about.
func (c Config) endpoint() (*transport.Endpoint, error) {
	switch {
	case c.URL == "":
		return nil, errors.New("the URL of the values repository is missing")
	case c.Dir == "":
		return nil, errors.New("the directory of the clone is missing")
	case c.Author.Name == "" || c.Author.Email == "":
		return nil, errors.New("the author of commits needs a name and an e-mail address")
	case strings.ContainsAny(c.Author.Name+c.Author.Email, "<>\n\x00"):
		return nil, errors.New("the author of commits has a character that git does not allow: <, > or a line break")
	case c.Timeout < 0:
		return nil, fmt.Errorf("the timeout %s is negative", c.Timeout)
	}
	e, err := transport.NewEndpoint(c.URL)
	if err != nil {
		return nil, errors.New("the URL of the values repository cannot be parsed")
	}
	switch e.Protocol {
	case "http", "https":
		if e.User != "" || e.Password != "" {
			return nil, errors.New("the URL of the values repository has credentials in it: give them as username and token")
		}
	case "ssh":
		if e.Password != "" {
			return nil, errors.New("the URL of the values repository has a password in it: SSH needs a private key")
		}
		if len(c.Auth.PrivateKey) == 0 || len(c.Auth.KnownHosts) == 0 {
			return nil, errors.New("SSH needs a private key and the server's line of a known_hosts file")
		}
	default:
		return nil, errors.New("the URL of the values repository must be http, https or ssh")
	}
	return e, nil
}

func (c Config) timeout() time.Duration {
	if c.Timeout == 0 {
		return defaultTimeout
	}
	return c.Timeout
}

// refused is an error about how this package is used or configured.
func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", failure.ErrRefused, fmt.Sprintf(format, args...))
}

// secrets are the strings that must not appear in an error, in every form in which a URL or a header carries them.
func (a Auth) secrets() []string {
	if a.Token == "" {
		return nil
	}
	return []string{a.Token, url.PathEscape(a.Token), url.QueryEscape(a.Token), basic(a.username(), a.Token)}
}

func (a Auth) username() string {
	if a.Username == "" {
		return "git"
	}
	return a.Username
}
