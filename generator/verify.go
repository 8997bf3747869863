package generator

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// verify checks that the edited text says exactly want.
func (w *rewriter) verify(out []byte, want map[string]any) error {
	_, got, err := parseValues(w.path, out)
	if err != nil {
		return fmt.Errorf("%s:%d: cannot be rewritten in place (%w): write the values that the rules match in block style", w.path, w.firstEdit(), err)
	}
	if !equalYAML(want, got) {
		return fmt.Errorf("%s:%d: cannot be rewritten in place: the rules match a value here that an anchor shares with a value that they do not match; write both values out",
			w.path, w.differs(w.root, want, got))
	}
	return nil
}

// equalYAML compares decoded values. It compares what is written, because a NaN is not equal to itself.
func equalYAML(a, b any) bool {
	textA, errA := yaml.Marshal(a)
	textB, errB := yaml.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(textA, textB)
}

// firstEdit is the line of the first value that a rule matches, 1 if there is none.
func (w *rewriter) firstEdit() int {
	line := 0
	for n := range w.edits {
		if line == 0 || n.Line < line {
			line = n.Line
		}
	}
	return max(line, 1)
}

// differs is the line of the first value that came out wrong.
func (w *rewriter) differs(n *yaml.Node, want, got any) int {
	if n == nil {
		return 1
	}
	line := n.Line
	switch n.Kind { // an alias is where it stands: the anchor's line may be right
	case yaml.MappingNode:
		wantMap, _ := want.(map[string]any)
		gotMap, _ := got.(map[string]any)
		for _, e := range entries(n) {
			if !equalYAML(wantMap[e.key], gotMap[e.key]) {
				return w.differs(e.written, wantMap[e.key], gotMap[e.key])
			}
		}
	case yaml.SequenceNode:
		wantList, _ := want.([]any)
		gotList, _ := got.([]any)
		for i, element := range n.Content {
			if i < len(wantList) && i < len(gotList) && !equalYAML(wantList[i], gotList[i]) {
				return w.differs(element, wantList[i], gotList[i])
			}
		}
	default: // a scalar is one line
	}
	return line
}
