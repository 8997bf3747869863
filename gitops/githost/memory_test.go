package githost

import (
	"slices"
	"testing"
	"time"
)

func TestMemory(t *testing.T) {
	for name, check := range map[string]func(*testing.T, *memory[string, int], *time.Time){
		"what was written is known": func(t *testing.T, m *memory[string, int], _ *time.Time) {
			m.wrote("a", 1)
			wantKnown(t, m, "a")
		},
		"nothing is known while it is being written": func(t *testing.T, m *memory[string, int], _ *time.Time) {
			m.wrote("a", 1)
			m.forget("a")
			wantKnown(t, m)
		},
		"what was read before a write began is not known after it": func(t *testing.T, m *memory[string, int], _ *time.Time) {
			ticket := m.ticket()
			m.forget("a")
			m.see(ticket, "a", 1)
			wantKnown(t, m)
		},
		"what was read before a write ended is not known after it": func(t *testing.T, m *memory[string, int], _ *time.Time) {
			m.forget("a")
			ticket := m.ticket()
			m.wrote("a", 2)
			m.see(ticket, "a", 1)
			if v, _ := m.get("a"); v != 2 {
				t.Errorf("a is %d, want what was written", v)
			}
		},
		"it is believed for a while only": func(t *testing.T, m *memory[string, int], now *time.Time) {
			m.wrote("a", 1)
			*now = now.Add(believed - 1)
			wantKnown(t, m, "a")
			*now = now.Add(1)
			wantKnown(t, m)
		},
		"the oldest is dropped for what is written": func(t *testing.T, m *memory[string, int], _ *time.Time) {
			for _, key := range []string{"a", "b", "c", "a", "d"} {
				m.wrote(key, 1)
			}
			wantKnown(t, m, "a", "c", "d")
		},
		"nothing is dropped for what is read": func(t *testing.T, m *memory[string, int], _ *time.Time) {
			for _, key := range []string{"a", "b", "c", "d"} {
				m.see(m.ticket(), key, 1)
			}
			wantKnown(t, m, "a", "b", "c")
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, now := newMemory[string, int](), time.Unix(0, 0)
			m.most, m.now = 3, func() time.Time { return now }
			check(t, m, &now)
			if len(m.order) != len(m.entries) {
				t.Errorf("%d entries, and an order of %d", len(m.entries), len(m.order))
			}
		})
	}
}

func wantKnown(t *testing.T, m *memory[string, int], want ...string) {
	t.Helper()
	var got []string
	for _, key := range []string{"a", "b", "c", "d"} {
		if _, ok := m.get(key); ok {
			got = append(got, key)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("it knows %q, want %q", got, want)
	}
}
