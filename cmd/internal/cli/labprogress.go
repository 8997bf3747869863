package cli

import (
	"fmt"
	"io"
	"time"

	"cutover/cmd/internal/lab"
	"cutover/cmd/internal/term"
)

// labProgress shows how the lab comes up: a line when something was built or answered, and on a terminal a bar below
// them. Building the servers for the first time takes many minutes, so it is said at once.
type labProgress struct {
	w       io.Writer
	bar     *term.Bar
	servers map[string]lab.State
}

func newLabProgress(w io.Writer) *labProgress {
	p := &labProgress{w: w, servers: map[string]lab.State{}}
	if term.IsTerminal(w) {
		p.bar = term.NewBar(w, "lab", 0)
	}
	return p
}

func (p *labProgress) lab(e lab.Event) {
	p.servers[e.Server] = e.State
	if p.bar != nil {
		p.bar.Set(p.ready(), len(p.servers), fmt.Sprintf("%s %s", e.Server, e.State))
		return
	}
	switch e.State {
	case lab.Building:
		fmt.Fprintf(p.w, "building %s\n", e.Server)
	case lab.Built:
		fmt.Fprintf(p.w, "built %s in %s\n", e.Server, e.Elapsed.Round(time.Second))
	case lab.Ready:
		fmt.Fprintf(p.w, "%s ready in %s\n", e.Server, e.Elapsed.Round(10*time.Millisecond))
	case lab.Starting:
	}
}

func (p *labProgress) ready() int {
	n := 0
	for _, state := range p.servers {
		if state == lab.Ready {
			n++
		}
	}
	return n
}

func (p *labProgress) done() {
	if p.bar != nil {
		p.bar.Done()
	}
}
