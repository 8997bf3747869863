package evidence

import (
	"slices"
	"strings"
)

// Mutes says that the silence has exactly the given matchers, in whatever order and with whatever space around their
// operators: Alertmanager does not keep it.
func (s Silence) Mutes(matchers []string) bool {
	return slices.Equal(CanonicalMatchers(s.Matchers), CanonicalMatchers(matchers))
}

// CanonicalMatchers sorts matchers and removes the space around their operators.
func CanonicalMatchers(matchers []string) []string {
	out := make([]string, 0, len(matchers))
	for _, m := range matchers {
		if i := strings.IndexAny(m, "=!~"); i >= 0 {
			value := strings.TrimLeft(m[i:], "=!~")
			operator := m[i : len(m)-len(value)]
			m = strings.TrimSpace(m[:i]) + operator + strings.TrimSpace(value)
		}
		out = append(out, m)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
