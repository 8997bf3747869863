package generator

import (
	"bytes"
	"fmt"
	"strings"
	"text/template"
	"text/template/parse"
)

// traceFunc is the name of the function that tells a trace which node of the template comes next.
const traceFunc = "__at"

// trace receives a template's output, bounds it, and notes which line of the template each line of it came from:
// a YAML error names a line of the output, and people have only the template before them.
type trace struct {
	out   bytes.Buffer
	lines []int // of the template, by line of the output; 0 while a line is blank
	at    int   // the template's line now
	text  bool  // now comes the template's own text, not the output of an action
	steps int
}

// node is called before each node of the template.
func (t *trace) node(line int, text bool) (string, error) {
	if t.steps++; t.steps > maxSteps {
		return "", fmt.Errorf("the template takes more than %d steps: does a loop not end?", maxSteps)
	}
	t.at, t.text = line, text
	return "", nil
}

// Write implements io.Writer for the template's output.
func (t *trace) Write(p []byte) (int, error) {
	if t.out.Len()+len(p) > maxOutput {
		return 0, fmt.Errorf("the pipeline is longer than %d bytes", maxOutput)
	}
	if t.lines == nil {
		t.lines = []int{0}
	}
	for _, c := range p {
		switch last := &t.lines[len(t.lines)-1]; {
		case c == '\n':
			t.lines = append(t.lines, 0)
			if t.text {
				t.at++
			}
		case *last == 0 && !isSpace(c):
			*last = t.at
		}
	}
	return t.out.Write(p)
}

// line is the template's line that made a line of the output, both from 1; the nearest above it if that is blank.
func (t *trace) line(output int) int {
	for i := min(output, len(t.lines)) - 1; i >= 0; i-- {
		if t.lines[i] > 0 {
			return t.lines[i]
		}
	}
	return 1
}

// instrument puts a call of traceFunc before every node of the template and of those that it defines.
func instrument(t *template.Template, source string) {
	for _, defined := range t.Templates() {
		if defined.Tree != nil {
			instrumentList(defined.Tree.Root, source)
		}
	}
}

func instrumentList(list *parse.ListNode, source string) {
	if list == nil {
		return
	}
	var nodes []parse.Node
	for _, n := range list.Nodes {
		_, text := n.(*parse.TextNode)
		line := 1 + strings.Count(source[:n.Position()], "\n")
		nodes = append(nodes, traceNode(n.Position(), line, text), n)
		switch n := n.(type) {
		case *parse.IfNode:
			instrumentList(n.List, source)
			instrumentList(n.ElseList, source)
		case *parse.WithNode:
			instrumentList(n.List, source)
			instrumentList(n.ElseList, source)
		case *parse.RangeNode:
			instrumentList(n.List, source)
			// An empty loop takes steps, too.
			n.List.Nodes = append([]parse.Node{traceNode(n.Pos, n.Line, false)}, n.List.Nodes...)
			instrumentList(n.ElseList, source)
		}
	}
	list.Nodes = nodes
}

// traceNode is the node of {{__at line text}}.
func traceNode(pos parse.Pos, line int, text bool) parse.Node {
	call := &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos, Args: []parse.Node{
		parse.NewIdentifier(traceFunc).SetPos(pos),
		&parse.NumberNode{NodeType: parse.NodeNumber, Pos: pos, IsInt: true, Int64: int64(line), Text: fmt.Sprint(line)},
		&parse.BoolNode{NodeType: parse.NodeBool, Pos: pos, True: text},
	}}
	pipe := &parse.PipeNode{NodeType: parse.NodePipe, Pos: pos, Line: line, Cmds: []*parse.CommandNode{call}}
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: pos, Line: line, Pipe: pipe}
}
