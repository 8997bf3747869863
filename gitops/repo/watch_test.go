package repo_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"cutover/gitops/repo"
	"cutover/reconciler/failure"
)

func TestWatch(t *testing.T) {
	s, dev, first := begin(t)
	r := open(t, s.config(t, "values"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	var second string
	var failures int
	for u, err := range r.Watch(ctx, 10*time.Millisecond, nil) {
		switch {
		case err != nil:
			if !errors.Is(err, failure.ErrTransient) || u.Heads != nil {
				t.Errorf("got %+v, %v", u, err)
			}
			// The remote comes back with something new after the third error.
			if failures++; failures == 3 {
				s.heal()
			}
		case second == "":
			if u.Heads["main"] != first {
				t.Errorf("the first update has %v", u.Heads)
			}
			dev.write("a", "2")
			second = dev.push("main")
			s.fail(always(500, "down"))
		default:
			if failures < 3 {
				t.Errorf("an update after %d errors", failures)
			}
			if len(u.Moved) != 1 || u.Moved[0].To != second || u.Moved[0].Kind != repo.FastForward {
				t.Errorf("got %+v", u)
			}
			cancel()
		}
	}
	if failures != 3 || ctx.Err() == nil {
		t.Errorf("%d errors, context: %v", failures, ctx.Err())
	}
}

// Health comes back with the first fetch after an error, though nothing moved.
func TestWatchTellsRecovery(t *testing.T) {
	s := newServer(t)
	s.create(t, "values").push("main")
	r := open(t, s.config(t, "values"))
	var started, failed bool
	for u, err := range r.Watch(t.Context(), 10*time.Millisecond, nil) {
		if !started {
			started = true
			s.fail(always(500, "down"))
			continue
		}
		if err != nil {
			failed = true
			s.heal()
			continue
		}
		if !failed || u.Heads == nil || u.Moved != nil {
			t.Errorf("got %+v after an error: %t", u, failed)
		}
		break
	}
}

func TestWatchWakes(t *testing.T) {
	s, dev, _ := begin(t)
	r := open(t, s.config(t, "values"))
	wake := make(chan struct{}, 1)
	var second string
	for u, err := range r.Watch(t.Context(), time.Hour, wake) {
		if err != nil {
			t.Fatal(err)
		}
		if second != "" {
			if len(u.Moved) != 1 || u.Moved[0].To != second {
				t.Errorf("got %+v", u)
			}
			break
		}
		dev.write("a", "2")
		second = dev.push("main")
		fetch(t, r) // by somebody else; the watch tells the move all the same
		wake <- struct{}{}
	}
}
