package githost

import (
	"errors"
	"net/http"
	"time"
)

const (
	// mostReaders is how many bodies are in memory at the same time, each at most Config.MaxBody large.
	mostReaders = 32
	// readTime is how long a body may take: git hosts send theirs at once.
	readTime = 5 * time.Second
	// seatTime is how long a request waits while others are being read.
	seatTime = 2 * time.Second
)

// Handler answers webhooks and calls wake with each authentic one, before it answers; wake should only leave a note. One
// whose body came already within the last minute wakes nobody: git hosts repeat what they think was lost, and so may
// somebody who saw one.
//
// It answers 202 when the event is accepted, a repeated one too, 400 for a body that cannot be read, 401 without the right
// signature, 405 for another method, 413 for a body that is too large, and 503 when too many are being read. How many are
// read at the same time and for how long is bounded.
func (r *Receiver) Handler(wake func(Event)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		event, fresh, err := r.receive(w, req)
		if err != nil {
			if errors.Is(err, ErrMethod) {
				w.Header().Set("Allow", http.MethodPost)
			}
			if errors.Is(err, errBusy) {
				w.Header().Set("Retry-After", "10")
			}
			if errors.Is(err, ErrTooLarge) || errors.Is(err, errBusy) {
				w.Header().Set("Connection", "close") // the rest of the body is not read
			}
			http.Error(w, err.Error(), status(err))
			return
		}
		if fresh {
			wake(event)
		}
		w.WriteHeader(http.StatusAccepted)
	})
}

var errBusy = errors.New("too many webhooks at once")

// receive reads a webhook when there is a seat for it, and tells whether it is a new one.
func (r *Receiver) receive(w http.ResponseWriter, req *http.Request) (Event, bool, error) {
	if err := r.refused(req); err != nil {
		return Event{}, false, err
	}
	patience := time.NewTimer(seatTime)
	defer patience.Stop()
	select {
	case r.seats <- struct{}{}:
		defer func() { <-r.seats }()
	case <-patience.C:
		return Event{}, false, errBusy
	case <-req.Context().Done():
		return Event{}, false, errBusy
	}
	// A recorder in a test has no connection to set it for.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readTime))
	event, sum, err := r.read(req)
	return event, err == nil && r.replays.fresh(sum, time.Now()), err
}

func status(err error) int {
	switch {
	case errors.Is(err, ErrMethod):
		return http.StatusMethodNotAllowed
	case errors.Is(err, ErrSignature):
		return http.StatusUnauthorized
	case errors.Is(err, ErrTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errBusy):
		return http.StatusServiceUnavailable
	default:
		return http.StatusBadRequest
	}
}
