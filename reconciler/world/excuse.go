package world

import (
	"errors"
	"time"

	"cutover/reconciler/failure"
)

// excuses is what the program cannot have known when it acted: what people or faults did since it looked last.
type excuses struct {
	troubled map[string]time.Time // when each thing was broken last
	looked   time.Time            // when the program was last told what had changed
	failed   time.Time            // when a call of the program last failed, or the process died
	whole    time.Time            // when the last pass but one began in which no call failed
}

// How long the program believes what it saw of some things, although nothing tells it of a change: it says so in its own
// list (reconciler/fresh.go), and a rule that it breaks later than that is broken.
const (
	believesVersions = 10 * time.Second
	believesRunning  = 10*time.Second + staleFor
	believesSecrets  = 30 * time.Second
	believesRoles    = 5 * time.Minute
	// believesBranch is how long a branch may have moved before the program has to know it, if no webhook tells.
	believesBranch = 6 * time.Minute
	// believesPipelines and believesReviews are how long somebody's change of a frozen pipeline, and a new pull request,
	// may go unseen: no webhook tells of it here, and of what is open it believes for another while what it changes.
	believesPipelines = 15 * time.Second
	believesReviews   = time.Minute + 10*time.Second
)

// Looks notes that the program begins a pass, before which it was told of every change of the new cluster.
func (w *World) Looks() {
	w.mu.Lock()
	defer w.mu.Unlock()
	x := &w.judge.excuses
	if x.failed.Before(x.looked) {
		x.whole = x.looked
	}
	w.judge.keptUp(w)
	x.looked = w.now
}

// trouble notes that somebody or something broke a thing just now.
func (j *judge) trouble(w *World, thing string) { j.excuses.troubled[thing] = w.now }

// unknown tells whether what happened at a time cannot be known to the program, which believes what it saw for so long.
func (j *judge) unknown(at time.Time, believed time.Duration) bool {
	return !at.Before(j.excuses.looked.Add(-believed))
}

// unmended tells whether what happened at a time cannot have been put right by the program yet: it takes a whole pass, in
// which no call fails.
func (j *judge) unmended(at time.Time, believed time.Duration) bool {
	x := j.excuses
	whole := x.whole
	if x.failed.Before(x.looked) {
		whole = x.looked
	}
	return !at.Before(whole.Add(-believed))
}

// fails notes that a call of the program fails, unless it only found nothing.
func (j *judge) fails(w *World, err error) {
	if err != nil && !errors.Is(err, failure.ErrNotFound) {
		j.excuses.failed = w.now
	}
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
