package generator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// source is the text of a YAML file, in which nodes can be found again to edit them where they stand. The YAML
// library can keep comments, but not blank lines, quotes and line endings, so a person's file is never re-encoded.
type source struct {
	text  []byte
	lines []int // offset at which each line starts
	root  *yaml.Node
	// block is the column of the block that a node stands in, 1 for the first.
	block map[*yaml.Node]int
}

const byteOrderMark = "\ufeff"

// newSource parses text, which must hold one document with a mapping at its root, or nothing. The root is nil then.
func newSource(text []byte) (*source, error) {
	s := &source{text: text, lines: []int{0}, block: make(map[*yaml.Node]int)}
	for i := 0; i < len(text); {
		n := lineBreak(text[i:])
		if n == 0 {
			i++
			continue
		}
		i += n
		s.lines = append(s.lines, i)
	}
	var document yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&document); errors.Is(err, io.EOF) {
		return s, nil
	} else if err != nil {
		return nil, err
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one YAML document")
	}
	switch root := document.Content[0]; {
	case root.Kind == yaml.MappingNode:
		s.root = root
		return s, s.visit(root)
	case root.ShortTag() != "!!null":
		return nil, fmt.Errorf("line %d: the values are no mapping", root.Line)
	}
	return s, nil
}

// visit notes the blocks, takes a date for the text that Helm takes it for, and refuses keys that are the same as
// text, such as 0 and 0.0.
func (s *source) visit(n *yaml.Node) error {
	if n.ShortTag() == "!!timestamp" {
		n.Tag = "!!str"
	}
	keys := make(map[string]bool)
	for i, child := range n.Content {
		s.block[child] = column(n)
		if err := s.visit(child); err != nil {
			return err
		}
		if n.Kind != yaml.MappingNode || i%2 != 0 {
			continue
		}
		key := keyText(resolved(child))
		if keys[key] {
			return fmt.Errorf("line %d: the key %q stands here twice", child.Line, key)
		}
		keys[key] = true
	}
	return nil
}

// values decodes the document, with every key as text. A file that holds nothing has no values.
func (s *source) values() (map[string]any, error) {
	if s.root == nil {
		return map[string]any{}, nil
	}
	var v any
	if err := s.root.Decode(&v); err != nil {
		return nil, err
	}
	return textKeys(v).(map[string]any), nil
}

func textKeys(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = textKeys(value)
		}
	case map[any]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[fmt.Sprint(key)] = textKeys(value)
		}
		return out
	case []any:
		for i, value := range v {
			v[i] = textKeys(value)
		}
	}
	return v
}

// lineBreak returns the length of the line break at the start of text, 0 if there is none. These are the breaks of
// YAML 1.1, section 4.2, by which the library counts lines.
func lineBreak(text []byte) int {
	if text[0] == '\r' && len(text) > 1 && text[1] == '\n' {
		return 2
	}
	for _, br := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
		if bytes.HasPrefix(text, []byte(br)) {
			return len(br)
		}
	}
	return 0
}

// offset is where a node starts: at its anchor or tag, if it has one. The library counts columns in characters, and
// does not count a byte order mark.
func (s *source) offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(s.lines) {
		return len(s.text)
	}
	at := s.lines[n.Line-1]
	if at == 0 && bytes.HasPrefix(s.text, []byte(byteOrderMark)) {
		at = len(byteOrderMark)
	}
	for range n.Column - 1 {
		_, size := utf8.DecodeRune(s.text[at:])
		at += size
	}
	return at
}

// content is where a node's content starts, after its anchor and tag.
func (s *source) content(n *yaml.Node) int {
	at := s.offset(n)
	for at < len(s.text) && (s.text[at] == '&' || s.text[at] == '!') {
		for at < len(s.text) && !isSpace(s.text[at]) {
			at++
		}
		at = s.skipSpace(at, false)
	}
	return at
}

// skipSpace returns the offset after white space, line breaks and comments, and commas if told to.
func (s *source) skipSpace(at int, commas bool) int {
	for at < len(s.text) {
		switch n := lineBreak(s.text[at:]); {
		case n > 0:
			at += n
		case isSpace(s.text[at]), commas && s.text[at] == ',':
			at++
		case s.text[at] == '#':
			at = s.lineEnd(at)
		default:
			return at
		}
	}
	return at
}

// lineEnd is the offset of the line break that ends the line, or of the end of the text.
func (s *source) lineEnd(at int) int {
	for at < len(s.text) && lineBreak(s.text[at:]) == 0 {
		at++
	}
	return at
}

// end is the offset after a node's last character.
func (s *source) end(n *yaml.Node) int {
	switch {
	case n.Kind == yaml.AliasNode:
		return s.offset(n) + len("*"+n.Value)
	case n.Kind == yaml.ScalarNode:
		return s.scalarEnd(n)
	case n.Style&yaml.FlowStyle != 0:
		at := s.content(n) + 1
		if last := len(n.Content) - 1; last >= 0 {
			at = s.end(n.Content[last])
		}
		if at = s.skipSpace(at, true); at < len(s.text) {
			at++ // the bracket that closes it
		}
		return at
	case len(n.Content) > 0:
		return s.end(n.Content[len(n.Content)-1])
	default:
		return s.offset(n)
	}
}

// column is the column of a block, 1 for the first. An anchor may stand on the line before; the first key does not.
func column(n *yaml.Node) int {
	if n.Kind == yaml.MappingNode && len(n.Content) > 0 {
		return n.Content[0].Column
	}
	return n.Column
}

// newline is the line break that the file uses.
func (s *source) newline() string {
	if bytes.Contains(s.text, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}

func isSpace(c byte) bool { return strings.IndexByte(" \t\r\n", c) >= 0 }
