package alertmanager

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/prometheus/alertmanager/pkg/labels"

	"cutover/reconciler/failure"
)

// nobody is a label value that nobody has given to anything: a matcher that takes it takes whatever comes.
const nobody = "q7zv4kx0w"

// parsed reads matchers such as cluster="orbit-prod", with the operators =, !=, =~ and !~. It refuses a set that is not
// scoped: at least one of them must reject both alarms without its label and alarms with any odd value in it.
func parsed(texts []string) ([]*labels.Matcher, error) {
	var matchers []*labels.Matcher
	scoped := false
	for _, text := range texts {
		m, err := labels.ParseMatcher(text)
		if err != nil {
			return nil, fmt.Errorf("matcher %q: %w: %w", text, failure.ErrRefused, err)
		}
		scoped = scoped || !m.Matches("") && !m.Matches(nobody)
		matchers = append(matchers, m)
	}
	if !scoped {
		return nil, fmt.Errorf("matchers %q: %w: they would silence every alarm; name at least one label and its value", texts, failure.ErrRefused)
	}
	// In one order, since Alertmanager takes another order for other matchers, and replaces the silence.
	slices.SortFunc(matchers, func(a, b *labels.Matcher) int { return cmp.Compare(a.String(), b.String()) })
	return matchers, nil
}

// toModel gives matchers as the API has them.
func toModel(matchers []*labels.Matcher) models.Matchers {
	var list models.Matchers
	for _, m := range matchers {
		equal := m.Type == labels.MatchEqual || m.Type == labels.MatchRegexp
		regex := m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp
		list = append(list, &models.Matcher{Name: &m.Name, Value: &m.Value, IsEqual: &equal, IsRegex: &regex})
	}
	return list
}

// fromModel gives the API's matchers as text in its usual form, sorted.
func fromModel(list models.Matchers) []string {
	var texts []string
	for _, m := range list {
		matcher := labels.Matcher{Name: value(m.Name), Value: value(m.Value), Type: labels.MatchEqual}
		equal := m.IsEqual == nil || *m.IsEqual // absent before 0.22, which knew no other
		switch regex := value(m.IsRegex); {
		case equal && regex:
			matcher.Type = labels.MatchRegexp
		case regex:
			matcher.Type = labels.MatchNotRegexp
		case !equal:
			matcher.Type = labels.MatchNotEqual
		}
		texts = append(texts, matcher.String())
	}
	slices.Sort(texts)
	return texts
}

// value is what p points to, or nothing.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
