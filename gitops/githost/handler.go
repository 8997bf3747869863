package githost

import (
	"errors"
	"net/http"
)

// Handler answers webhooks and calls wake with each authentic one, before it answers; wake should only leave a note.
// It answers 202 when the event is accepted, 400 for a body that cannot be read, 401 without the right signature, 405
// for another method and 413 for a body that is too large.
func (r *Receiver) Handler(wake func(Event)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		event, err := r.Parse(req)
		if err != nil {
			if errors.Is(err, ErrMethod) {
				w.Header().Set("Allow", http.MethodPost)
			}
			if errors.Is(err, ErrTooLarge) {
				w.Header().Set("Connection", "close") // the rest of the body is not read
			}
			http.Error(w, err.Error(), status(err))
			return
		}
		wake(event)
		w.WriteHeader(http.StatusAccepted)
	})
}

func status(err error) int {
	switch {
	case errors.Is(err, ErrMethod):
		return http.StatusMethodNotAllowed
	case errors.Is(err, ErrSignature):
		return http.StatusUnauthorized
	case errors.Is(err, ErrTooLarge):
		return http.StatusRequestEntityTooLarge
	default:
		return http.StatusBadRequest
	}
}
