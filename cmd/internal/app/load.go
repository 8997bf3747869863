package app

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Load reads a configuration file. Its error has a line for everything that is wrong: file:line: message.
func Load(path string) (Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	var c Config
	mistakes := decode(data, &c)
	if len(mistakes) == 0 {
		c.defaults()
		mistakes = c.validate(data)
	}
	if len(mistakes) > 0 {
		return Config{}, mistakes.in(path)
	}
	return c, nil
}

// mistakes are what is wrong with a configuration file.
type mistakes []mistake

type mistake struct {
	line int // from 1
	text string
}

// in is the error that lists the mistakes of a file.
func (ms mistakes) in(path string) error {
	slices.SortStableFunc(ms, func(a, b mistake) int { return cmp.Compare(a.line, b.line) })
	text := path + " cannot be used:"
	for _, m := range ms {
		text += fmt.Sprintf("\n%s:%d: %s", path, m.line, m.text)
	}
	return errors.New(text)
}

// decode reads one YAML document that has no key which c does not know.
func decode(data []byte, c *Config) mistakes {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return mistakesOf(err)
	}
	var next yaml.Node
	if err := dec.Decode(&next); !errors.Is(err, io.EOF) {
		return mistakes{{max(next.Line, 1), "only one YAML document is read: remove what follows it"}}
	}
	return nil
}

// mistakesOf takes the lines out of the YAML library's error, and what only means something to programmers.
func mistakesOf(err error) mistakes {
	texts := []string{err.Error()}
	var wrong *yaml.TypeError
	if errors.As(err, &wrong) {
		texts = wrong.Errors
	}
	var out mistakes
	for _, text := range texts {
		m := mistake{1, text}
		if parts := lineOf.FindStringSubmatch(text); parts != nil {
			m.line, _ = strconv.Atoi(parts[1]) // digits
			m.text = parts[2]
		}
		m.text = unknownKey.ReplaceAllString(m.text, `unknown key "$1"`)
		m.text = noMapping.ReplaceAllString(m.text, "this must be a mapping")
		m.text = wrongType.ReplaceAllString(m.text, "this is no $1")
		out = append(out, m)
	}
	return out
}

var (
	lineOf     = regexp.MustCompile(`(?s)^(?:yaml: )?line (\d+): (.*)$`)
	unknownKey = regexp.MustCompile(`^field (\S+) not found in type \S+$`)
	noMapping  = regexp.MustCompile(`(?s)^cannot unmarshal .* into (map|app)\S+$`)
	wrongType  = regexp.MustCompile(`(?s)^cannot unmarshal .* into (\S+)$`)
)

// lineOfKey is where the key stands in the file, as a path of keys joined by dots; where a key is missing, the line of
// the one that it belongs to.
func lineOfKey(data []byte, key string) int {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil || len(document.Content) == 0 {
		return 1
	}
	line, at := 1, document.Content[0]
	for _, name := range strings.Split(key, ".") {
		i := 0
		for ; i < len(at.Content); i += 2 {
			if at.Content[i].Value == name {
				break
			}
		}
		if at.Kind != yaml.MappingNode || i >= len(at.Content) {
			break
		}
		line, at = at.Content[i].Line, at.Content[i+1]
	}
	return line
}
