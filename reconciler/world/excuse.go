package world

import (
	"time"
)

// excuses is what the program cannot have known when it acted: what people or faults did since it looked last.
type excuses struct {
	troubled map[string]time.Time // when each thing was broken last
	looked   time.Time            // when the program was last told what had changed
	asked    time.Time            // when it last believed nothing
}

// How long the program believes what it saw of some things, although nothing tells it of a change: it says so in its own
// list (reconciler/fresh.go), and a rule that it breaks later than that is broken.
const (
	believesVersions = 10 * time.Second
	believesRunning  = 10 * time.Second
	believesSecrets  = 30 * time.Second
	believesRoles    = 5 * time.Minute
	// believesMain is how long a branch may have moved before the program has to know it, if no webhook tells.
	believesMain = 6 * time.Minute
	// believesReviews is within which time a new pull request has to be blocked, in a world full of faults.
	believesReviews = 5 * time.Minute
)

// Looks notes that the program begins a pass, before which it was told of every change of the new cluster; a full one
// believes nothing of what it saw before.
func (w *World) Looks(full bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judge.excuses.looked = w.now
	if full {
		w.judge.excuses.asked = w.now
	}
}

// trouble notes that somebody or something broke a thing just now.
func (j *judge) trouble(w *World, thing string) { j.excuses.troubled[thing] = w.now }

// unknown tells whether what happened at a time cannot be known to the program, which believes what it saw for so long.
func (j *judge) unknown(at time.Time, believed time.Duration) bool {
	return !at.Before(j.excuses.looked.Add(-believed))
}

// excused tells whether a thing was broken after the program looked.
func (j *judge) excused(thing string) bool {
	at, ok := j.excuses.troubled[thing]
	return ok && j.unknown(at, 0)
}

// The names of what can be broken.
const thingSilences = "silences"

func thingIn(cluster, service string) string { return cluster + "/" + service }
func thingPipelines(service string) string   { return "pipelines/" + service }
func thingGlass(service string) string       { return "break-glass/" + service }
