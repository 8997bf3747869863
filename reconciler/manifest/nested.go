package manifest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var callsTpl = regexp.MustCompile(`\btpl\b`)

// nestedTemplates finds values that are templates and call tpl themselves. Such a value can call itself, and Helm
// does not count how deep: the stack grows until the whole program dies, which no error handling can catch.
func nestedTemplates(path []string, value any) []*ValuesError {
	var found []*ValuesError
	switch v := value.(type) {
	case string:
		if strings.Contains(v, "{{") && callsTpl.MatchString(v) {
			found = append(found, &ValuesError{slices.Clone(path), "a template in a value must not call tpl: use include"})
		}
	case map[string]any:
		for key, child := range v {
			found = append(found, nestedTemplates(append(path, key), child)...)
		}
	case []any:
		for i, child := range v {
			found = append(found, nestedTemplates(append(path, strconv.Itoa(i)), child)...)
		}
	}
	slices.SortFunc(found, func(a, b *ValuesError) int { return strings.Compare(a.Error(), b.Error()) })
	return found
}
