package app

import (
	"bytes"
	"log/slog"
	"os"

	"go.yaml.in/yaml/v3"
)

// Secret is a value that is never shown. In the configuration it is where the value is: {env: NAME} or
// {file: PATH}; it cannot be written there itself.
type Secret struct {
	value []byte
	file  string // where it was read; "" for the environment
}

const masked = "***"

// UnmarshalYAML reads the secret from where the node says that it is.
func (s *Secret) UnmarshalYAML(node *yaml.Node) error {
	const form = "a secret is written as {env: NAME} or {file: PATH}, never as the value itself"
	if node.Kind != yaml.MappingNode || len(node.Content) != 2 {
		return mistakeAt(node, form)
	}
	switch kind, from := node.Content[0].Value, node.Content[1].Value; kind {
	case "env":
		value := os.Getenv(from)
		if value == "" {
			return mistakeAt(node, "environment variable %s is not set, or empty", from)
		}
		s.value = []byte(value)
	case "file":
		value, err := os.ReadFile(from)
		if err != nil {
			return mistakeAt(node, "%v", err)
		}
		// Files often end in a newline that is no part of the secret; a private key bears to lose it, too.
		s.value, s.file = bytes.TrimRight(value, "\r\n"), from
		if s.IsZero() {
			return mistakeAt(node, "file %s is empty", from)
		}
	default:
		return mistakeAt(node, form)
	}
	return nil
}

// Reveal returns the value, for the one who presents it to another system.
func (s Secret) Reveal() []byte { return s.value }

// File is the file that the secret was read from, for the one who reads it again; "" if there is none.
func (s Secret) File() string { return s.file }

// IsZero tells whether no secret was given.
func (s Secret) IsZero() bool { return len(s.value) == 0 }

func (s Secret) String() string               { return masked }
func (s Secret) GoString() string             { return masked }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(masked) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }
