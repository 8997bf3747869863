package reconciler

import "time"

// fresh is an observation that is believed for a while. A zero fresh knows nothing.
type fresh[T any] struct {
	value T
	until time.Time
}

// get gives the observation, and asks for it anew if it is too old. An error is not remembered, and with one nothing is
// given: half an observation is none.
func (f *fresh[T]) get(now time.Time, keep time.Duration, ask func() (T, error)) (T, error) {
	if now.Before(f.until) {
		return f.value, nil
	}
	value, err := ask()
	if err != nil {
		var none T
		return none, err
	}
	f.value, f.until = value, now.Add(keep)
	return value, nil
}

// forget makes the next get ask.
func (f *fresh[T]) forget() { f.until = time.Time{} }

// How long what was seen of each system is believed. What is ours to change is asked for again after we changed it.
const (
	surveyFor   = time.Minute
	dryRunFor   = 10 * time.Minute
	secretsFor  = 30 * time.Second
	rolesFor    = 5 * time.Minute
	workloadFor = 10 * time.Second
	runningFor  = 10 * time.Second
	frozenFor   = 15 * time.Second
	reviewsFor  = 10 * time.Second
	touchingFor = time.Minute
	blockedFor  = 10 * time.Minute
	commentsFor = 5 * time.Second
	silencesFor = 30 * time.Second
	checksFor   = 2 * time.Second
)
