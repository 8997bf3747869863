package contract

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

// AlarmStore is Alertmanager as the reconciler uses it.
type AlarmStore interface {
	Silences(ctx context.Context, owner string) ([]evidence.Silence, error)
	Silence(ctx context.Context, s evidence.Silence) (id string, err error)
	Expire(ctx context.Context, id, owner string) error
}

// Alarms holds an implementation to the contract of the reconciler's port Alarms. Owners are unique, so that Alertmanager
// may be shared with other tests. now is the clock of the Alertmanager, to a few seconds.
func Alarms(t *testing.T, open func(t *testing.T) AlarmStore, now func() time.Time) {
	for name, check := range map[string]func(alarms, *testing.T){
		"an owner without silences has none":                 alarms.none,
		"a created silence is listed as it was asked for":    alarms.created,
		"silences are sorted by id":                          alarms.sorted,
		"another owner's silences are not listed":            alarms.otherOwner,
		"an owner's name must be whole":                      alarms.wholeName,
		"extending keeps the begin and leaves one silence":   alarms.extended,
		"changed matchers leave one silence":                 alarms.changedMatchers,
		"expiring is safe to repeat":                         alarms.expired,
		"expiring what was never there is no error":          alarms.expiredUnknown,
		"expiring another owner's silence is refused":        alarms.expiredForeign,
		"creating it again changes the one that stands":      alarms.again,
		"one that has not begun is not created again":        alarms.pending,
		"changing an expired silence makes another one":      alarms.changedExpired,
		"changing a forgotten silence makes another one":     alarms.changedForgotten,
		"changing another owner's silence is refused":        alarms.changedForeign,
		"every operator of a matcher is kept":                alarms.operators,
		"odd label values are kept":                          alarms.oddValues,
		"matchers that select everything are refused":        alarms.unscoped,
		"a silence without an owner or comment is refused":   alarms.anonymous,
		"a silence that ends before it begins is refused":    alarms.backwards,
		"a silence that has no end is refused":               alarms.endless,
		"a matcher that cannot be read is refused":           alarms.unreadable,
		"a begin in the past or just now is the present one": alarms.pastBegin,
	} {
		t.Run(name, func(t *testing.T) {
			check(alarms{owner: "contract/" + uuid.NewString()[:8], open: open, store: open(t), now: now}, t)
		})
	}
}

type alarms struct {
	owner string
	open  func(*testing.T) AlarmStore
	store AlarmStore
	now   func() time.Time
}

// silence is one that begins now and ends in an hour; it silences nothing that other tests look at.
func (a alarms) silence() evidence.Silence {
	now := a.now().UTC().Truncate(time.Millisecond)
	return evidence.Silence{
		Matchers: []string{fmt.Sprintf("cluster=%q", a.owner)}, Starts: now, Ends: now.Add(time.Hour),
		Owner: a.owner, Comment: `migration eks, by "Cutover"`,
	}
}

func (a alarms) create(t *testing.T, s evidence.Silence) string {
	t.Helper()
	id, err := a.store.Silence(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if id == "" {
		t.Fatal("the silence has no id")
	}
	return id
}

// list reads the owner's silences as another replica would.
func (a alarms) list(t *testing.T) []evidence.Silence {
	t.Helper()
	list, err := a.open(t).Silences(t.Context(), a.owner)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// only fails the test unless the owner has one silence, with that id, and as it was asked for.
func (a alarms) only(t *testing.T, id string, want evidence.Silence) evidence.Silence {
	t.Helper()
	list := a.list(t)
	if len(list) != 1 {
		t.Fatalf("%d silences, want one: %v", len(list), list)
	}
	got := list[0]
	if got.ID != id || got.Owner != want.Owner || got.Comment != want.Comment || !slices.Equal(got.Matchers, want.Matchers) {
		t.Errorf("silence = %+v, want %s as in %+v", got, id, want)
	}
	if got.Ends.Sub(want.Ends).Abs() > time.Second {
		t.Errorf("it ends at %s, want %s", got.Ends, want.Ends)
	}
	return got
}

func (a alarms) none(t *testing.T) {
	if list := a.list(t); len(list) > 0 {
		t.Errorf("silences = %v, want none", list)
	}
}

func (a alarms) created(t *testing.T) {
	s := a.silence()
	got := a.only(t, a.create(t, s), s)
	if got.Starts.Sub(s.Starts).Abs() > 10*time.Second {
		t.Errorf("it begins at %s, want about %s", got.Starts, s.Starts)
	}
}

func (a alarms) sorted(t *testing.T) {
	var ids []string
	for i := range 5 {
		s := a.silence()
		s.Matchers = append(s.Matchers, fmt.Sprintf("number=%q", fmt.Sprint(i)))
		ids = append(ids, a.create(t, s))
	}
	slices.Sort(ids)
	var got []string
	for _, s := range a.list(t) {
		got = append(got, s.ID)
	}
	if !slices.Equal(got, ids) {
		t.Errorf("ids = %v, want %v", got, ids)
	}
}

func (a alarms) otherOwner(t *testing.T) {
	theirs := a.silence()
	theirs.Owner = "contract/somebody else"
	id := a.create(t, theirs)
	if list := a.list(t); len(list) > 0 {
		t.Errorf("silences = %v, want none", list)
	}
	if err := a.store.Expire(t.Context(), id, theirs.Owner); err != nil {
		t.Error(err)
	}
}

func (a alarms) wholeName(t *testing.T) {
	theirs := a.silence()
	theirs.Owner = a.owner + "2"
	a.create(t, theirs)
	if list := a.list(t); len(list) > 0 {
		t.Errorf("silences = %v, want none: %s is not %s", list, theirs.Owner, a.owner)
	}
}

func (a alarms) extended(t *testing.T) {
	s := a.silence()
	s.ID = a.create(t, s)
	begin := a.only(t, s.ID, s).Starts
	for i := range 3 {
		s.Starts = a.now() // the caller need not know when it began
		s.Ends = s.Ends.Add(time.Duration(i+1) * time.Hour)
		s.Comment = fmt.Sprintf("extended %d", i)
		id := a.create(t, s)
		if got := a.only(t, id, s); !got.Starts.Equal(begin) {
			t.Errorf("it begins at %s, want %s as before", got.Starts, begin)
		}
		s.ID = id
	}
}

func (a alarms) changedMatchers(t *testing.T) {
	s := a.silence()
	s.ID = a.create(t, s)
	s.Matchers = append(s.Matchers, `severity="page"`)
	id := a.create(t, s)
	a.only(t, id, s)
}

func (a alarms) expired(t *testing.T) {
	id := a.create(t, a.silence())
	for range 3 {
		if err := a.store.Expire(t.Context(), id, a.owner); err != nil {
			t.Fatal(err)
		}
		a.none(t)
	}
}

func (a alarms) expiredUnknown(t *testing.T) {
	for _, id := range []string{uuid.NewString(), "no such silence", ""} {
		if err := a.store.Expire(t.Context(), id, a.owner); err != nil {
			t.Errorf("id %q: %v", id, err)
		}
	}
}

func (a alarms) expiredForeign(t *testing.T) {
	s := a.silence()
	id := a.create(t, s)
	wantError(t, a.store.Expire(t.Context(), id, a.owner+"2"), failure.ErrRefused)
	a.only(t, id, s)
}

func (a alarms) again(t *testing.T) {
	s := a.silence()
	s.Matchers = append(s.Matchers, `severity="page"`)
	first := a.create(t, s)
	begin := a.only(t, first, s).Starts
	slices.Reverse(s.Matchers)
	s.Ends = s.Ends.Add(time.Hour)
	id := a.create(t, s)
	slices.Reverse(s.Matchers)
	if got := a.only(t, id, s); !got.Starts.Equal(begin) {
		t.Errorf("it begins at %s, want %s as before", got.Starts, begin)
	}
}

// pending: to an Alertmanager whose clock is behind, a silence from now on begins later, and is not listed until then.
func (a alarms) pending(t *testing.T) {
	s := a.silence()
	later := s
	later.Starts = s.Starts.Add(10 * time.Minute)
	for range 3 {
		a.create(t, later)
		a.none(t)
	}
	a.only(t, a.create(t, s), s)
	if err := a.store.Expire(t.Context(), a.list(t)[0].ID, a.owner); err != nil {
		t.Fatal(err)
	}
	later.Starts, later.Ends = s.Starts.Add(20*time.Minute), s.Ends.Add(time.Hour)
	first := a.create(t, later)
	later.Starts = later.Starts.Add(time.Minute)
	if id := a.create(t, later); id != first {
		t.Errorf("one that has not begun has the id %s, and asked for again %s", first, id)
	}
}

func (a alarms) changedExpired(t *testing.T) {
	s := a.silence()
	s.ID = a.create(t, s)
	if err := a.store.Expire(t.Context(), s.ID, a.owner); err != nil {
		t.Fatal(err)
	}
	id := a.create(t, s)
	if id == s.ID {
		t.Error("it has the id of the one that ended")
	}
	a.only(t, id, s)
}

func (a alarms) changedForgotten(t *testing.T) {
	s := a.silence()
	s.ID = uuid.NewString()
	a.only(t, a.create(t, s), s)
}

func (a alarms) changedForeign(t *testing.T) {
	s := a.silence()
	s.ID = a.create(t, s)
	theirs := s
	theirs.Owner, theirs.Comment = a.owner+"2", "taken over"
	_, err := a.store.Silence(t.Context(), theirs)
	wantError(t, err, failure.ErrRefused)
	a.only(t, s.ID, s)
}

func (a alarms) operators(t *testing.T) {
	s := a.silence()
	s.Matchers = []string{`alertname!="Watchdog"`, fmt.Sprintf("cluster=%q", a.owner), `namespace=~"core|push.*"`, `severity!~"info|none"`}
	a.only(t, a.create(t, s), s)
}

func (a alarms) oddValues(t *testing.T) {
	s := a.silence()
	s.Matchers = []string{`a="comma, {brace} and \"quote\""`, `b="back\\slash"`, `c="Größe"`, fmt.Sprintf("cluster=%q", a.owner), `d="line\nbreak"`, `e=""`}
	a.only(t, a.create(t, s), s)
}

// refused fails the test unless the silence is refused and leaves nothing.
func (a alarms) refused(t *testing.T, s evidence.Silence) {
	t.Helper()
	id, err := a.store.Silence(t.Context(), s)
	wantError(t, err, failure.ErrRefused)
	if err == nil {
		_ = a.store.Expire(t.Context(), id, a.owner)
	}
	a.none(t)
}

func (a alarms) unscoped(t *testing.T) {
	for _, matchers := range [][]string{
		nil, {}, {`cluster=""`}, {`cluster=~".*"`}, {`cluster=~".+"`}, {`cluster!="orbit-prod"`}, {`cluster!~"orbit-.*"`},
		{`cluster=~""`}, {`a=~".+"`, `b!="x"`},
	} {
		s := a.silence()
		s.Matchers = matchers
		a.refused(t, s)
	}
}

func (a alarms) unreadable(t *testing.T) {
	for _, matcher := range []string{"", "cluster", `="orbit"`, `cluster=~"("`, `cluster="orbit`, `a b="c"`} {
		s := a.silence()
		s.Matchers = append(s.Matchers, matcher)
		a.refused(t, s)
	}
}

func (a alarms) anonymous(t *testing.T) {
	s := a.silence()
	s.Owner = ""
	a.refused(t, s)
	s = a.silence()
	s.Comment = ""
	a.refused(t, s)
}

func (a alarms) backwards(t *testing.T) {
	s := a.silence()
	s.Ends = s.Starts.Add(-time.Hour)
	a.refused(t, s)
}

func (a alarms) endless(t *testing.T) {
	s := a.silence()
	s.Ends = time.Time{}
	a.refused(t, s)
}

func (a alarms) pastBegin(t *testing.T) {
	s := a.silence()
	s.Starts = s.Starts.Add(-time.Hour)
	got := a.only(t, a.create(t, s), s)
	if got.Starts.Sub(a.now()).Abs() > 10*time.Second {
		t.Errorf("it begins at %s, want now", got.Starts)
	}
}
