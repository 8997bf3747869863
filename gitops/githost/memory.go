package githost

import (
	"slices"
	"sync"
	"time"
)

const (
	// mostRemembered is how many statuses, and how many comments, a Client remembers.
	mostRemembered = 512
	// believed is how long what is remembered is taken to be so still: after that, what other people have changed or deleted
	// is found and put right.
	believed = 10 * time.Minute
)

// memory is what was last seen or written, so that what is so already costs no call: hosts limit the calls of an hour, and
// the statuses of a commit. It holds a bounded number of things and drops the oldest. Of what another process writes it
// knows nothing, so it answers only whether a write can be left out, and no question.
type memory[K comparable, V any] struct {
	most int
	now  func() time.Time

	mu      sync.Mutex
	entries map[K]remembered[V]
	order   []K // oldest first
	writes  int // begun and ended: what was read meanwhile may be older than what was written
}

type remembered[V any] struct {
	value V
	at    time.Time
}

func newMemory[K comparable, V any]() *memory[K, V] {
	return &memory[K, V]{most: mostRemembered, now: time.Now, entries: map[K]remembered[V]{}}
}

func (m *memory[K, V]) get(key K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	if !ok || m.now().Sub(e.at) >= believed {
		var zero V
		return zero, false
	}
	return e.value, true
}

// ticket is to be taken before a question is asked whose answer see is told.
func (m *memory[K, V]) ticket() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.writes
}

// see remembers what was read, unless something was written since the ticket was taken. What was read and not asked for by
// a write, such as the statuses of others, displaces nothing.
func (m *memory[K, V]) see(ticket int, key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.entries[key]; ticket == m.writes && (known || len(m.order) < m.most) {
		m.put(key, value)
	}
}

// forget is to be called before a write: until that has succeeded, nobody knows what is there.
func (m *memory[K, V]) forget(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	m.drop(key)
}

// wrote remembers what a write that has succeeded has put there.
func (m *memory[K, V]) wrote(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	m.put(key, value)
}

func (m *memory[K, V]) put(key K, value V) {
	m.drop(key)
	if len(m.order) >= m.most {
		m.drop(m.order[0])
	}
	m.entries[key] = remembered[V]{value, m.now()}
	m.order = append(m.order, key)
}

func (m *memory[K, V]) drop(key K) {
	if _, ok := m.entries[key]; !ok {
		return
	}
	delete(m.entries, key)
	m.order = slices.DeleteFunc(m.order, func(k K) bool { return k == key })
}
