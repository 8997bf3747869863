package vault

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// masked is what every way to print a Value gives.
const masked = "(secret)"

// Value is a secret text. It prints as a fixed word, whatever prints it: fmt, slog, JSON or YAML.
type Value struct{ text string }

// NewValue makes text a secret.
func NewValue(text string) Value { return Value{text} }

// Reveal gives the text itself.
func (v Value) Reveal() string { return v.text }

// IsZero tells whether the text is empty.
func (v Value) IsZero() bool { return v.text == "" }

func (v Value) String() string { return masked }

// GoString implements fmt.GoStringer.
func (v Value) GoString() string { return masked }

// Format implements fmt.Formatter, so that no verb looks inside.
func (v Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, masked) }

// LogValue implements slog.LogValuer.
func (v Value) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalText implements encoding.TextMarshaler, and with it JSON's and YAML's way to write it.
func (v Value) MarshalText() ([]byte, error) { return []byte(masked), nil }

// valueOf is the text of what a key holds: a string as it is, anything else as its JSON.
func valueOf(held any) (Value, error) {
	if text, ok := held.(string); ok {
		return Value{text}, nil
	}
	text, err := json.Marshal(held)
	return Value{string(text)}, err
}
