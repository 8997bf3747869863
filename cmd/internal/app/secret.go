package app

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"

	"go.yaml.in/yaml/v3"
)

// Secret is a value that is never shown. In the configuration it is where the value is: {env: NAME} or
// {file: PATH}; it cannot be written there itself.
type Secret struct{ value []byte }

const masked = "***"

// UnmarshalYAML reads the secret from where the node says that it is.
func (s *Secret) UnmarshalYAML(node *yaml.Node) error {
	var from struct {
		Env  string `yaml:"env"`
		File string `yaml:"file"`
	}
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: a secret is written as {env: NAME} or {file: PATH}, never as the value itself", node.Line)
	}
	if err := node.Decode(&from); err != nil {
		return err
	}
	switch {
	case from.Env != "" && from.File == "":
		value, ok := os.LookupEnv(from.Env)
		if !ok || value == "" {
			return fmt.Errorf("line %d: environment variable %s is not set", node.Line, from.Env)
		}
		s.value = []byte(value)
	case from.File != "" && from.Env == "":
		value, err := os.ReadFile(from.File)
		if err != nil {
			return fmt.Errorf("line %d: %w", node.Line, err)
		}
		// Files often end in a newline that is no part of the secret; a private key bears to lose it, too.
		s.value = bytes.TrimRight(value, "\r\n")
	default:
		return fmt.Errorf("line %d: a secret is written as {env: NAME} or {file: PATH}", node.Line)
	}
	return nil
}

// Reveal returns the value, for the one who presents it to another system.
func (s Secret) Reveal() []byte { return s.value }

// IsZero tells whether no secret was given.
func (s Secret) IsZero() bool { return len(s.value) == 0 }

func (s Secret) String() string               { return masked }
func (s Secret) GoString() string             { return masked }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(masked) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }
