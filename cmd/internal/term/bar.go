// Package term shows progress to a person: a bar on a terminal, a line now and then elsewhere.
package term

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// Bar is how far something long has come. One goroutine uses it.
type Bar struct {
	w     io.Writer
	label string
	total int
	note  atomic.Pointer[string] // read by the goroutine that draws
	begun time.Time

	container *mpb.Progress // nil where there is no terminal
	bar       *mpb.Bar
	told      int // the tenths that were printed
}

// NewBar begins to show progress towards total. A total of 0 is not known yet.
func NewBar(w io.Writer, label string, total int) *Bar {
	b := &Bar{w: w, label: label, total: total, begun: time.Now()}
	b.note.Store(new(string))
	if !IsTerminal(w) {
		return b
	}
	b.container = mpb.New(mpb.WithOutput(w), mpb.WithWidth(40), mpb.WithRefreshRate(100*time.Millisecond))
	b.bar = b.container.New(int64(total), mpb.BarStyle().Rbound("]").Lbound("["),
		mpb.PrependDecorators(decor.Name("   "+label+" "), decor.CountersNoUnit("%d/%d ")),
		mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO), decor.Any(func(decor.Statistics) string { return "  " + *b.note.Load() })),
		mpb.BarRemoveOnComplete(),
	)
	return b
}

// Set says how much is done of how much, and what is going on.
func (b *Bar) Set(done, total int, note string) {
	b.total = total
	b.note.Store(&note)
	if b.bar != nil {
		b.bar.SetTotal(int64(total), false)
		b.bar.SetCurrent(int64(done))
		return
	}
	if tenths := done * 10 / max(total, 1); tenths > b.told && done < total {
		b.told = tenths
		fmt.Fprintf(b.w, "   %s %d/%d %s\n", b.label, done, total, note)
	}
}

// Done takes the bar away and says how long it took.
func (b *Bar) Done() time.Duration {
	took := time.Since(b.begun)
	if b.bar != nil {
		b.bar.SetTotal(int64(b.total), true)
		b.bar.Abort(true)
		b.container.Wait()
	}
	return took
}

// IsTerminal tells whether w is a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
