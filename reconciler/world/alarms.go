package world

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/pkg/labels"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

// alarms is Alertmanager.
type alarms struct {
	silences map[string]*silence
}

// silence is a silence; one that has ended stays for a while, as in Alertmanager.
type silence struct {
	evidence.Silence
	ours bool
}

// active tells whether the silence mutes anything now.
func (w *World) active(s *silence) bool {
	return !w.now.Before(s.Starts) && w.now.Before(s.Ends)
}

// Alertmanager is the alarms as the program uses them.
type Alertmanager struct{ p *Process }

// Silences implements reconciler.Alarms.
func (a Alertmanager) Silences(ctx context.Context, owner string) ([]evidence.Silence, error) {
	return look(ctx, a.p, portAlarms, "silences of "+owner, true, func() ([]evidence.Silence, error) {
		var out []evidence.Silence
		for _, s := range a.p.w.alarms.silences {
			if s.Owner == owner && a.p.w.active(s) {
				found := s.Silence
				found.Matchers = slices.Clone(s.Matchers)
				out = append(out, found)
			}
		}
		slices.SortFunc(out, func(a, b evidence.Silence) int { return strings.Compare(a.ID, b.ID) })
		return out, nil
	})
}

// Silence implements reconciler.Alarms. As in Alertmanager, a silence whose matchers or start change gets a new id.
func (a Alertmanager) Silence(ctx context.Context, s evidence.Silence) (string, error) {
	return change(ctx, a.p, portAlarms, fmt.Sprintf("silence %s until %s", s.ID, s.Ends.Format("15:04:05")), func() (string, error) {
		w := a.p.w
		matchers, err := scoped(s.Matchers)
		switch {
		case err != nil:
			return "", err
		case s.Owner == "" || s.Comment == "":
			return "", errors.Join(failure.ErrRefused, errors.New("a silence needs an owner and a comment"))
		case !s.Ends.After(s.Starts) || !s.Ends.After(w.now):
			return "", errors.Join(failure.ErrRefused, errors.New("a silence cannot end in the past"))
		}
		s.Matchers = matchers
		w.judge.silences(w, s)
		if s.ID == "" {
			s.ID = w.standing(s)
		}
		if s.ID != "" {
			old, ok := w.alarms.silences[s.ID]
			if !ok {
				old = &silence{Silence: evidence.Silence{Owner: s.Owner, Ends: w.now}} // long forgotten
			}
			if old.Owner != s.Owner {
				return "", fmt.Errorf("%w: silence %s is %s's", failure.ErrRefused, s.ID, old.Owner)
			}
			same := w.now.Before(old.Ends) && slices.Equal(old.Matchers, s.Matchers)
			if same && (w.active(old) || old.Starts.Before(s.Starts)) {
				s.Starts = old.Starts
			}
			if same && (w.active(old) || s.Starts.After(w.now)) {
				old.Silence = s
				return s.ID, nil
			}
			if old.Ends.After(w.now) {
				old.Ends = w.now
			}
		}
		if s.Starts.Before(w.now) {
			s.Starts = w.now
		}
		s.ID = w.id("silence-")
		w.alarms.silences[s.ID] = &silence{Silence: s, ours: true}
		return s.ID, nil
	})
}

// standing is a silence of the same owner with the same matchers that has not ended; "" if there is none.
func (w *World) standing(s evidence.Silence) string {
	for _, id := range slices.Sorted(maps.Keys(w.alarms.silences)) {
		if old := w.alarms.silences[id]; old.Owner == s.Owner && slices.Equal(old.Matchers, s.Matchers) && w.now.Before(old.Ends) {
			return id
		}
	}
	return ""
}

// scoped reads matchers and gives them in their usual form, sorted. At least one must reject both alarms that lack its
// label and alarms with any odd value in it.
func scoped(texts []string) ([]string, error) {
	var out []string
	narrow := false
	for _, text := range texts {
		m, err := labels.ParseMatcher(text)
		if err != nil {
			return nil, fmt.Errorf("%w: matcher %q: %w", failure.ErrRefused, text, err)
		}
		narrow = narrow || !m.Matches("") && !m.Matches("q7zv4kx0w")
		out = append(out, m.String())
	}
	if !narrow {
		return nil, errors.Join(failure.ErrRefused, errors.New("the matchers would silence every alarm"))
	}
	slices.Sort(out)
	return out, nil
}

// Expire implements reconciler.Alarms.
func (a Alertmanager) Expire(ctx context.Context, id, owner string) error {
	return do(ctx, a.p, portAlarms, "expire silence "+id, func() error {
		w := a.p.w
		s, ok := w.alarms.silences[id]
		if !ok || !s.Ends.After(w.now) {
			return nil
		}
		if s.Owner != owner {
			return fmt.Errorf("%w: silence %s is %s's", failure.ErrRefused, id, s.Owner)
		}
		s.Ends = w.now
		return nil
	})
}
