package values

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

// document is one YAML file: its content as JSON, and the line of everything in it. It does not know its
// path, so that one document serves every place where the same content stands.
//
// The text is parsed twice on purpose. Nodes give lines, duplicates and aliases; the content comes from the
// library that Helm reads values with, so that a rendered object is what "helm template" gives.
type document struct {
	source []byte
	root   *yaml.Node // nil if the file is empty, no YAML, or no mapping where its schema wants one
	json   []byte     // what is left of the content when everything at fault is taken out
	faults []fault
	faulty map[string]bool // top keys below which the schema found faults
	index  map[*yaml.Node]map[string]pair
}

// fault is a problem of a document.
type fault struct {
	line    int
	message string
}

func (d *document) fail(line int, message string) {
	d.faults = append(d.faults, fault{max(line, 1), message})
}

// parse reads a YAML text and checks what holds for every file: UTF-8, one document, no duplicate keys, bounded
// aliases.
func parse(source []byte) *document {
	d := &document{source: source}
	if line, why := unreadable(source); why != "" {
		d.fail(line, why)
		return d
	}
	decoder := yaml.NewDecoder(bytes.NewReader(source))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		return d
	} else if err != nil {
		d.fail(syntaxFault(source, err))
		return d
	}
	if err := decoder.Decode(&second); err == nil {
		d.fail(second.Line, "a second YAML document starts here: a file holds one")
		return d
	} else if !errors.Is(err, io.EOF) {
		d.fail(syntaxFault(source, err))
		return d
	}
	root := first.Content[0]
	c := checker{document: d, sizes: map[*yaml.Node]int{}}
	if c.check(root, 0); len(d.faults) > 0 {
		return d
	}
	content, err := sigsyaml.YAMLToJSON(source)
	if err != nil {
		d.fail(syntaxFault(source, err))
		return d
	}
	if string(content) != "null" {
		d.root, d.json = root, content
	}
	return d
}

// unreadable finds what no YAML text may hold.
func unreadable(source []byte) (line int, why string) {
	line = 1
	for i := 0; i < len(source); {
		r, size := utf8.DecodeRune(source[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return line, "is not UTF-8: save the file in that encoding"
		case r == '\n':
			line++
		case r < ' ' && r != '\t' && r != '\r' || r == 0x7f:
			return line, "holds the control character " + strconv.QuoteRune(r) + ": remove it"
		}
		i += size
	}
	return 0, ""
}

var (
	errorLine     = regexp.MustCompile(`^(?:yaml: )?line (\d+): `)
	unknownAnchor = regexp.MustCompile(`unknown anchor '([^']+)' referenced`)
)

// syntaxFault says where and why a text is no YAML, in the library's words where those help.
func syntaxFault(source []byte, err error) (line int, message string) {
	if strings.Contains(err.Error(), "did not find expected") {
		// A parser's error names the line where the enclosing block began. The second library names
		// the line of the mistake, counted from 0.
		if _, better := sigsyaml.YAMLToJSON(source); better != nil {
			line, message = splitLine(better)
			return min(line+1, lastLine(source)), inPlainWords(message)
		}
	}
	line, message = splitLine(err)
	line = min(line, lastLine(source))
	text := lineOf(source, line)
	switch anchor := unknownAnchor.FindStringSubmatch(message); {
	case anchor != nil:
		line = 1 + bytes.Count(before(source, "*"+anchor[1]), []byte("\n"))
		message = "alias *" + anchor[1] + " has no anchor &" + anchor[1] + " above it"
	case strings.HasPrefix(strings.TrimLeft(text, " "), "\t"):
		message = "the line is indented with a tab: use spaces"
	default:
		message = inPlainWords(message)
	}
	return line, message
}

// inPlainWords adds what to do to the library's most frequent complaints.
func inPlainWords(message string) string {
	switch message {
	case "did not find expected key", "did not find expected '-' indicator":
		message += ": check the indentation"
	case "mapping values are not allowed in this context":
		message += ": check the indentation, and put text that holds ': ' in quotes"
	case "found character that cannot start any token":
		message += ": put text that starts with it in quotes"
	case "found unexpected end of stream":
		message += ": a quote is not closed"
	case "could not find expected ':'":
		message += ": write key: value"
	}
	return "syntax: " + message
}

func lastLine(source []byte) int {
	return 1 + bytes.Count(bytes.TrimRight(source, "\n"), []byte("\n"))
}

func splitLine(err error) (int, string) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	m := errorLine.FindStringSubmatch(message)
	if m == nil {
		return 1, message
	}
	line, _ := strconv.Atoi(m[1]) // the pattern admits digits only
	return line, strings.TrimPrefix(message, m[0])
}

func before(source []byte, text string) []byte {
	head, _, _ := bytes.Cut(source, []byte(text))
	return head
}

func lineOf(source []byte, line int) string {
	for text := range bytes.Lines(source) {
		if line--; line == 0 {
			return string(text)
		}
	}
	return ""
}

// decode fills v from the content. A part at fault is not in it.
func (d *document) decode(v any) error { return json.Unmarshal(d.json, v) }

// line returns the line of the value at a path of keys and indexes, or of the nearest place above it.
func (d *document) line(path ...string) int {
	at, line := d.root, 1
	if at == nil {
		return line
	}
	for _, step := range path {
		key, value := d.descend(at, step)
		if value == nil {
			return line
		}
		at, line = value, value.Line
		if key != nil && value.Kind != yaml.ScalarNode {
			line = key.Line
		}
	}
	return line
}

// keyLine returns the line of the key at the end of a path.
func (d *document) keyLine(path ...string) int {
	at := d.root
	for i, step := range path {
		key, value := d.descend(at, step)
		if value == nil {
			break
		}
		if i == len(path)-1 && key != nil {
			return key.Line
		}
		at = value
	}
	return d.line(path...)
}

// keys returns the keys of the mapping at a path, in the order of the file.
func (d *document) keys(path ...string) []string {
	at := d.root
	for _, step := range path {
		if _, at = d.descend(at, step); at == nil {
			return nil
		}
	}
	var keys []string
	seen := map[string]bool{}
	for key := range pairs(at) {
		if !seen[key.Value] {
			keys = append(keys, key.Value)
		}
		seen[key.Value] = true
	}
	return keys
}

// descend returns the value of a key or index, and the key's own node if it has one.
func (d *document) descend(at *yaml.Node, step string) (key, value *yaml.Node) {
	at = target(at)
	if at.Kind == yaml.SequenceNode {
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(at.Content) {
			return nil, at.Content[i]
		}
		return nil, nil
	}
	p := d.pairs(at)[step]
	return p.key, p.value
}

type pair struct{ key, value *yaml.Node }

// pairs returns what a mapping holds by key, remembered: a file with many mistakes asks for many lines.
func (d *document) pairs(mapping *yaml.Node) map[string]pair {
	if found, ok := d.index[mapping]; ok {
		return found
	}
	found := map[string]pair{}
	for key, value := range pairs(mapping) {
		if _, own := found[key.Value]; !own {
			found[key.Value] = pair{key, value}
		}
	}
	if d.index == nil {
		d.index = map[*yaml.Node]map[string]pair{}
	}
	d.index[mapping] = found
	return found
}
