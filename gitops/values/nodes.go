package values

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits on one YAML document.
const (
	maxDepth = 100
	maxNodes = 100_000 // after each alias has become a copy
)

// checker walks a document's nodes once, whatever its aliases repeat.
type checker struct {
	*document
	sizes map[*yaml.Node]int // nodes below each node, aliases expanded; 0 while the walk is inside
	full  bool
}

// check reports what is wrong with a node and below it, and returns how many nodes it expands to.
func (c *checker) check(n *yaml.Node, depth int) int {
	if size, seen := c.sizes[n]; seen {
		if size == 0 {
			c.fail(n.Line, "anchor &"+n.Anchor+" holds an alias to itself")
			return 1
		}
		return size
	}
	if depth > maxDepth {
		c.tooMuch(n, fmt.Sprintf("is nested more than %d deep", maxDepth))
		return 1
	}
	c.sizes[n] = 0
	size := 1
	switch n.Kind {
	case yaml.DocumentNode: // holds the root; the walk begins below it
	case yaml.AliasNode:
		size = c.check(n.Alias, depth+1)
	case yaml.MappingNode:
		c.checkKeys(n)
		fallthrough
	case yaml.SequenceNode:
		for _, child := range n.Content {
			size += c.check(child, depth+1)
		}
	case yaml.ScalarNode:
		if n.ShortTag() == "!!float" && strings.ContainsAny(n.Value, "nN") {
			c.fail(n.Line, n.Value+" is no JSON number: put it in quotes if it is meant as text")
		}
	}
	if size > maxNodes {
		c.tooMuch(n, fmt.Sprintf("holds more than %d values, aliases expanded", maxNodes))
		size = maxNodes
	}
	c.sizes[n] = size
	return size
}

// tooMuch reports a broken limit, once in a document: what encloses the place breaks it too.
func (c *checker) tooMuch(n *yaml.Node, message string) {
	if !c.full {
		c.fail(n.Line, message)
	}
	c.full = true
}

func (c *checker) checkKeys(mapping *yaml.Node) {
	lines := map[string]int{}
	for i := 0; i < len(mapping.Content); i += 2 {
		key := target(mapping.Content[i])
		line := mapping.Content[i].Line
		switch {
		case key.Kind != yaml.ScalarNode:
			c.fail(line, "a key must be a word: put it in quotes if it holds { or [")
		case isMerge(key):
			c.checkMerge(mapping.Content[i+1])
		case !isText(key):
			c.fail(line, fmt.Sprintf("key %s is not read as text: put it in quotes", key.Value))
		case lines[key.Value] > 0:
			c.fail(line, fmt.Sprintf("key %s is on line %d already", quote(key.Value), lines[key.Value]))
		}
		lines[key.Value] = line
	}
}

func (c *checker) checkMerge(value *yaml.Node) {
	merged := []*yaml.Node{value}
	if target(value).Kind == yaml.SequenceNode {
		merged = target(value).Content
	}
	for _, m := range merged {
		if target(m).Kind != yaml.MappingNode {
			c.fail(m.Line, "<< merges mappings: give it an alias of a mapping, or a list of such")
		}
	}
}

func isMerge(key *yaml.Node) bool { return key.Value == "<<" && key.ShortTag() == "!!merge" }

// isText tells whether a key stays as it is written. YAML 1.1, which Helm reads, makes booleans of some words.
func isText(key *yaml.Node) bool {
	switch key.ShortTag() {
	case "!!bool", "!!null":
		return false
	case "!!str":
		words := []string{"y", "yes", "on", "n", "no", "off"}
		plain := key.Style == 0
		return !plain || !slices.Contains(words, strings.ToLower(key.Value))
	}
	return true // a number is turned into text
}

// target returns the node that an alias stands for, or the node itself.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// pairs yields the keys and values of a mapping, its own before those that it merges, as the own ones win.
func pairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(k, v *yaml.Node) bool) { eachPair(target(n), yield) }
}

func eachPair(n *yaml.Node, yield func(k, v *yaml.Node) bool) bool {
	if n.Kind == yaml.SequenceNode { // of a merge key
		for _, m := range n.Content {
			if !eachPair(target(m), yield) {
				return false
			}
		}
		return true
	}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := target(n.Content[i])
		if isMerge(key) {
			merged = append(merged, target(n.Content[i+1]))
		} else if !yield(key, n.Content[i+1]) {
			return false
		}
	}
	for _, m := range merged {
		if !eachPair(m, yield) {
			return false
		}
	}
	return true
}
