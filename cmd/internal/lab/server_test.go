package lab

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// newLab returns a Lab without servers.
func newLab(t *testing.T) *Lab {
	t.Helper()
	l := &Lab{
		state:   &state{dir: t.TempDir()},
		spawner: newSpawner(),
		report:  func(string, State) {},
		died:    make(chan *process, 1),
		closing: make(chan struct{}),
	}
	if err := os.Mkdir(l.logs(), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.stop(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// shell is a server that is a script, and ready when it has made the file "ready".
func (l *Lab) shell(script string) server {
	return server{
		name:  "old/script",
		ports: 1,
		command: func(context.Context, []string) *exec.Cmd {
			cmd := exec.Command("sh", "-c", script)
			cmd.Dir = l.state.dir
			return cmd
		},
		ready: func(context.Context, []string) error {
			_, err := os.Stat(filepath.Join(l.state.dir, "ready"))
			return err
		},
	}
}

func TestServeRetriesTakenPort(t *testing.T) {
	l := newLab(t)
	_, err := l.serve(t.Context(), l.shell(`
		if mkdir second 2>/dev/null; then echo "listen: bind: address already in use"; exit 1; fi
		touch ready; exec tail -f /dev/null`))
	if err != nil {
		t.Error(err)
	}
}

func TestServeGivesUpOnTakenPorts(t *testing.T) {
	l := newLab(t)
	_, err := l.serve(t.Context(), l.shell(`echo "listen: bind: address already in use"; exit 1`))
	if err == nil || !strings.Contains(err.Error(), "took its port 5 times") {
		t.Errorf("got %v", err)
	}
}

func TestServeTellsLastWords(t *testing.T) {
	l := newLab(t)
	_, err := l.serve(t.Context(), l.shell(`echo starting; echo "panic: no such flag" >&2; exit 3`))
	if err == nil {
		t.Fatal("a server that ended counts as ready")
	}
	for _, want := range []string{"old/script ended: exit status 3", "old-script.log", "starting\npanic: no such flag"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
}

func TestServeStopsWithContext(t *testing.T) {
	l := newLab(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := l.shell(`exec tail -f /dev/null`)
	s.ready = func(context.Context, []string) error {
		cancel()
		return errors.New("not yet")
	}
	_, err := l.serve(ctx, s)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "not yet") {
		t.Errorf("got %v, want %v and the last complaint", err, context.Canceled)
	}
}

// What a server has started itself is stopped with it.
func TestStopWholeGroup(t *testing.T) {
	l := newLab(t)
	p, err := startProcess(l.spawner, "stubborn", l.shell(`
		tail -f /dev/null &
		touch ready; wait`).command(t.Context(), nil), l.logs())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.await(t.Context(), func(ctx context.Context) error { return l.shell("").ready(ctx, nil) }); err != nil {
		t.Fatal(err)
	}
	p.stop()
	if left := processesIn(t, l.state.dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
