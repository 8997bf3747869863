package sample_test

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"cutover/cmd/internal/lab/sample"
	"cutover/generator"
	"cutover/gitops/estate"
)

// TestNewStack finds the new stack in exactly the services that have prod.
func TestNewStack(t *testing.T) {
	e := read(t)
	expanded, _, err := generator.Expand(e, e.Migrations[0])
	if err != nil {
		t.Fatal(err)
	}
	var with, without []string
	for _, s := range expanded.Services {
		_, prod := s.Stack(stackName(t, "prod"))
		_, prod2 := s.Stack(stackName(t, "prod2"))
		if prod != prod2 {
			t.Errorf("%s: has prod is %t, has prod2 is %t", s.ServiceID, prod, prod2)
		}
		if prod2 {
			with = append(with, s.String())
		} else {
			without = append(without, s.String())
		}
	}
	if len(with) != 74 {
		t.Errorf("%d services have prod2, want 74", len(with))
	}
	want := []string{"orbit/billing/store-sandbox", "orbit/media/object-store-fake", "orbit/trust/labeling", "orbit/web/storybook"}
	if diff := cmp.Diff(want, without); diff != "" {
		t.Errorf("services without prod2 (-want +got):\n%s", diff)
	}
}

// TestNewValues holds every prod2-values.yaml to prod-values.yaml with the rewrite rules applied, byte for byte. Nothing
// is added behind that: no rule changes a value that all stacks share, which the new file would have to override.
func TestNewValues(t *testing.T) {
	e := read(t)
	_, files, err := generator.Expand(e, e.Migrations[0])
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]string{}
	for _, f := range sample.Files() {
		sources[f.Path] = string(f.Data)
	}
	rules := rulesOf(e.Migrations[0])
	changed := 0
	for _, f := range files.Write {
		dir, name := path.Split(f.Path)
		if name != "prod2-values.yaml" {
			continue
		}
		own, shared := sources[dir+"prod-values.yaml"], sources[dir+"values.yaml"]
		if rules.rewrite(t, shared) != shared {
			t.Errorf("%svalues.yaml: a rule changes it", dir)
		}
		want := rules.rewrite(t, own)
		if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(string(f.Data), "\n")); diff != "" {
			t.Errorf("%s is not prod-values.yaml with the rules applied (-want +got):\n%s", f.Path, diff)
		}
		if want != own {
			changed++
		}
	}
	if changed == 0 {
		t.Error("no file is changed by a rule")
	}
	t.Logf("%d of 74 files are changed by a rule", changed)
}

// rules are the migration's rewrite rules, read here once more and otherwise than the generator does it.
type rules []struct {
	estate.Rewrite
	path *regexp.Regexp
}

func rulesOf(m estate.Migration) rules {
	var out rules
	for _, r := range m.Rewrite {
		pattern := regexp.QuoteMeta(strings.ReplaceAll(r.Path, `"`, ""))
		pattern = strings.ReplaceAll(pattern, `.\*`, `.[^.]+`)
		out = append(out, struct {
			estate.Rewrite
			path *regexp.Regexp
		}{r, regexp.MustCompile("^" + pattern + "$")})
	}
	return out
}

// apply is what the value at a path becomes.
func (rs rules) apply(at, value string) string {
	for _, r := range rs {
		switch {
		case !r.path.MatchString(at):
		case r.Suffix != "" && strings.HasSuffix(value, r.Suffix):
			return strings.TrimSuffix(value, r.Suffix) + r.With
		case r.Prefix != "" && strings.HasPrefix(value, r.Prefix):
			return r.With + strings.TrimPrefix(value, r.Prefix)
		case r.Value != "" && value == r.Value:
			return r.With
		}
	}
	return value
}

// rewrite puts the new values into the text where the old ones stand, and leaves every other byte alone.
func (rs rules) rewrite(t *testing.T, text string) string {
	t.Helper()
	lines := strings.SplitAfter(text, "\n")
	for _, s := range slices.Backward(scalarsOf(t, text)) { // so that columns to the left stay true
		if to := rs.apply(s.path, s.node.Value); to != s.node.Value {
			line, at := lines[s.node.Line-1], s.node.Column-1
			lines[s.node.Line-1] = line[:at] + strings.Replace(line[at:], s.node.Value, to, 1)
		}
	}
	return strings.Join(lines, "")
}

// scalar is a value of a document and where it stands: keys joined by dots, [*] for an element of a list.
type scalar struct {
	path string
	node *yaml.Node
}

func scalarsOf(t *testing.T, text string) []scalar {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	var out []scalar
	var walk func(at string, n *yaml.Node)
	walk = func(at string, n *yaml.Node) {
		switch n.Kind {
		case 0: // nothing but comments
		case yaml.DocumentNode:
			walk(at, n.Content[0])
		case yaml.MappingNode:
			for i := 0; i < len(n.Content); i += 2 {
				key := n.Content[i]
				if key.Tag == "!!merge" {
					walk(at, n.Content[i+1])
					continue
				}
				walk(strings.TrimPrefix(at+"."+key.Value, "."), n.Content[i+1])
			}
		case yaml.SequenceNode:
			for _, element := range n.Content {
				walk(at+"[*]", element)
			}
		case yaml.ScalarNode:
			out = append(out, scalar{at, n})
		case yaml.AliasNode:
			walk(at, n.Alias)
		}
	}
	walk("", &document)
	return out
}
