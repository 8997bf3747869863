package generator

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// entry is one key of a mapping as YAML's merge keys (<<) make it.
type entry struct {
	key     string
	value   *yaml.Node // behind aliases
	written *yaml.Node // as it stands: the alias, if it is one
}

// entries returns a mapping's keys: its own in their order, then those that are merged in and not its own.
func entries(n *yaml.Node) []entry {
	var out []entry
	seen := make(map[string]bool)
	add := func(e entry) {
		if !seen[e.key] {
			seen[e.key] = true
			out = append(out, e)
		}
	}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := resolved(n.Content[i]), n.Content[i+1]
		if key.ShortTag() == "!!merge" {
			if source := resolved(value); source.Kind == yaml.SequenceNode {
				merged = append(merged, source.Content...)
			} else {
				merged = append(merged, source)
			}
			continue
		}
		add(entry{keyText(key), resolved(value), value})
	}
	for _, source := range merged {
		if source = resolved(source); source.Kind == yaml.MappingNode {
			for _, e := range entries(source) {
				add(e)
			}
		}
	}
	return out
}

// lookup returns the value of a mapping's key. A mapping that is nil has no keys.
func lookup(n *yaml.Node, key string) (*yaml.Node, bool) {
	if n == nil {
		return nil, false
	}
	for _, e := range entries(n) {
		if e.key == key {
			return e.value, true
		}
	}
	return nil, false
}

// resolved follows an alias to its anchor.
func resolved(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// textOf returns the value of a scalar that is text.
func textOf(n *yaml.Node) (string, bool) {
	var v any
	if err := n.Decode(&v); err != nil {
		return "", false
	}
	text, ok := v.(string)
	return text, ok
}

func keyText(n *yaml.Node) string {
	var v any
	if err := n.Decode(&v); err != nil {
		return n.Value
	}
	return fmt.Sprint(v)
}

func textNode(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}
