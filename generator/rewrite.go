package generator

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// overrideComment stands above what a rewritten file overrides of the shared one.
const overrideComment = "# From values.yaml, as the migration's rewrite rules change it."

// rewriter makes one values file of the new stack by editing the text of the old stack's.
type rewriter struct {
	*rules
	*source
	path  string // of the old stack's file, for errors
	edits map[*yaml.Node]edit
	added []edit
}

// edit replaces text[start:end].
type edit struct {
	start, end int
	text       string
}

// file returns the text of the new stack's values file, empty if it has nothing to say. Everything that the rules
// do not touch stays as a person wrote it: comments, order, quotes, blank lines, line endings, anchors. The result
// is parsed again, and an error is returned, that begins with the file and line, if it does not say exactly what
// the rules make of the values.
func (r *rules) file(sharedPath string, sharedText []byte, path string, text []byte) ([]byte, error) {
	shared, sharedValues, err := parseValues(sharedPath, sharedText)
	if err != nil {
		return nil, err
	}
	own, ownValues, err := parseValues(path, text)
	if err != nil {
		return nil, err
	}
	w := &rewriter{rules: r, source: own, path: path, edits: make(map[*yaml.Node]edit)}
	if own.root != nil {
		w.scalars(own.root, r.start())
	}
	if shared.root != nil {
		w.inherit(own.root, shared.root, r.start())
	}
	out := w.apply()
	if err := w.verify(out, r.values(sharedValues, ownValues)); err != nil {
		return nil, err
	}
	return out, nil
}

func parseValues(path string, text []byte) (*source, map[string]any, error) {
	s, err := newSource(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	values, err := s.values()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, values, nil
}

// scalars edits every scalar that a rule matches. A value that stands behind an alias is edited at its anchor;
// verify refuses that where the anchor has other users.
func (w *rewriter) scalars(n *yaml.Node, cursors []cursor) {
	if len(cursors) == 0 {
		return
	}
	switch n = resolved(n); n.Kind {
	case yaml.MappingNode:
		for _, e := range entries(n) {
			w.scalars(e.value, downKey(cursors, e.key))
		}
	case yaml.SequenceNode:
		for i, element := range n.Content {
			w.scalars(element, downIndex(cursors, i))
		}
	default:
		if text, ok := textOf(n); ok {
			if rule, changed, ok := w.match(cursors, text); ok {
				start, end := w.content(n), w.end(n)
				start = min(start, end)
				w.edits[n] = edit{start, end, rewritten(n, string(w.text[start:end]), rule, changed)}
			}
		}
	}
}

// inherit adds to the mapping own, nil for an empty file, what the rules change in the shared mapping and own does
// not override.
func (w *rewriter) inherit(own, shared *yaml.Node, cursors []cursor) {
	overrides := &yaml.Node{Kind: yaml.MappingNode}
	for _, e := range entries(shared) {
		next := downKey(cursors, e.key)
		if len(next) == 0 {
			continue
		}
		mine, overridden := lookup(own, e.key)
		switch {
		case !overridden:
			if value, changed := w.override(e.value, next); changed {
				overrides.Content = append(overrides.Content, textNode(e.key), value)
			}
		case mine.Kind == yaml.MappingNode && e.value.Kind == yaml.MappingNode:
			w.inherit(mine, e.value, next)
		}
	}
	if len(overrides.Content) > 0 {
		w.insert(own, overrides)
	}
}

// override returns the least that must be written to override n as the rules change it.
func (w *rewriter) override(n *yaml.Node, cursors []cursor) (*yaml.Node, bool) {
	if len(cursors) == 0 {
		return nil, false
	}
	switch n = resolved(n); n.Kind {
	case yaml.MappingNode:
		out := &yaml.Node{Kind: yaml.MappingNode}
		for _, e := range entries(n) {
			if value, changed := w.override(e.value, downKey(cursors, e.key)); changed {
				out.Content = append(out.Content, textNode(e.key), value)
			}
		}
		return out, len(out.Content) > 0
	case yaml.SequenceNode:
		var v any
		if err := n.Decode(&v); err != nil || !w.touches(textKeys(v), cursors) {
			return nil, false
		}
		return w.copied(n, cursors), true
	default:
		text, _ := textOf(n)
		_, changed, ok := w.match(cursors, text)
		return textNode(changed), ok
	}
}

// copied is n with the rules applied, without comments, anchors and aliases.
func (w *rewriter) copied(n *yaml.Node, cursors []cursor) *yaml.Node {
	n = resolved(n)
	out := &yaml.Node{Kind: n.Kind, Style: n.Style, Tag: n.Tag, Value: n.Value}
	switch n.Kind {
	case yaml.MappingNode:
		for _, e := range entries(n) {
			out.Content = append(out.Content, textNode(e.key), w.copied(e.value, downKey(cursors, e.key)))
		}
	case yaml.SequenceNode:
		for i, element := range n.Content {
			out.Content = append(out.Content, w.copied(element, downIndex(cursors, i)))
		}
	default:
		if text, ok := textOf(n); ok {
			_, out.Value, _ = w.match(cursors, text)
		}
	}
	return out
}

// insert writes the overrides at the end of the mapping own.
func (w *rewriter) insert(own, overrides *yaml.Node) {
	flow := own != nil && own.Style&yaml.FlowStyle != 0
	if flow {
		overrides.Style = yaml.FlowStyle
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(overrides); err != nil {
		return // verify reports what is missing
	}
	if flow {
		w.insertFlow(own, bytes.TrimSpace(out.Bytes()))
		return
	}
	at, indent := len(w.text), 0
	if own != nil {
		at, indent = w.lineEnd(w.end(own)), column(own)-1
	}
	var block bytes.Buffer
	if at < len(w.text) {
		at += lineBreak(w.text[at:])
	} else if len(w.text) > 0 && lineBreak(w.text[len(w.text)-1:]) == 0 && !w.endsOpen() {
		block.WriteString(w.newline())
	}
	for line := range bytes.Lines(append([]byte(overrideComment+"\n"), out.Bytes()...)) {
		if line = bytes.TrimRight(line, "\n"); len(line) > 0 {
			block.Write(bytes.Repeat([]byte(" "), indent))
			block.Write(line)
		}
		block.WriteString(w.newline())
	}
	w.added = append(w.added, edit{at, at, block.String()})
}

// endsOpen tells whether an insertion at the end of the text has ended its last line already.
func (w *rewriter) endsOpen() bool {
	return slices.ContainsFunc(w.added, func(e edit) bool { return e.start == len(w.text) })
}

// insertFlow writes {key: value} into the braces of a flow mapping.
func (w *rewriter) insertFlow(own *yaml.Node, braced []byte) {
	text := string(bytes.TrimSuffix(bytes.TrimPrefix(braced, []byte("{")), []byte("}")))
	at := min(w.content(own)+1, len(w.text))
	if last := len(own.Content) - 1; last >= 0 {
		at, text = w.end(own.Content[last]), ", "+text
	}
	w.added = append(w.added, edit{at, at, text})
}

// apply makes the edits. Insertions at one place keep their order: the inner mapping's come first.
func (w *rewriter) apply() []byte {
	edits := w.added
	for _, e := range w.edits {
		edits = append(edits, e)
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	var out []byte
	at := 0
	for _, e := range edits {
		if e.start < at {
			continue // two edits of one place: verify refuses the result
		}
		out = append(append(out, w.text[at:e.start]...), e.text...)
		at = e.end
	}
	return append(out, w.text[at:]...)
}
