package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jenkins-x/go-scm/scm"

	"cutover/cmd/internal/lab/scenario"
	"cutover/cmd/internal/term"
)

// patience is how long one checkpoint may take before the demo gives up on it.
const patience = 4 * time.Minute

// checkpoint waits for the daemon's pull request from a branch, shows it, merges it as its reviewer, and follows the
// daemon until everything up to it is done.
func (d *Demo) checkpoint(ctx context.Context, name string, plan int, done func(scenario.Report) bool) (scenario.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p, err := d.scenario.AwaitReview(ctx, "advance/"+d.migration.Name.String()+"/"+name)
	if err != nil {
		return scenario.Report{}, err
	}
	if err := d.showReview(ctx, p, plan); err != nil {
		return scenario.Report{}, err
	}
	if err := d.scenario.Merge(ctx, p.Number); err != nil {
		return scenario.Report{}, err
	}
	return d.follow(ctx, p, done)
}

// showReview prints a pull request and the beginning of the plan under it.
func (d *Demo) showReview(ctx context.Context, p *scm.PullRequest, lines int) error {
	comment, err := d.scenario.AwaitSaid(ctx, p.Number, "### Plan")
	if err != nil {
		return err
	}
	d.say("   pull request #%d: %s\n   %s\n", p.Number, p.Title, p.Link)
	if lines == 0 {
		return nil
	}
	text := strings.Split(strings.TrimSpace(comment), "\n")
	shown := text[:min(lines, len(text))]
	d.say("%s", indent(indent(strings.Join(shown, "\n")+"\n")))
	if more := len(text) - len(shown); more > 0 {
		d.say("      ... %d more lines\n", more)
	}
	return nil
}

// follow shows how far the daemon is, step by step, and approves what it waits for.
func (d *Demo) follow(ctx context.Context, p *scm.PullRequest, done func(scenario.Report) bool) (scenario.Report, error) {
	var (
		bar     *term.Bar
		step    int
		asked   string
		failure error
	)
	begun := time.Now()
	r, err := d.daemon.Await(ctx, d.migration.Branch, func(r scenario.Report) bool {
		for _, s := range r.Steps {
			if s.Number != r.Decision.Step || s.Complete {
				continue
			}
			if s.Number != step {
				if bar != nil {
					bar.Done()
				}
				step, bar = s.Number, term.NewBar(d.Out, fmt.Sprintf("step %d", s.Number), s.Total)
			}
			bar.Set(s.Done, s.Total, s.Waiting)
		}
		if why := r.Decision.Reason; why.Code == "smoke-approval" && why.Text != asked {
			asked = why.Text
			failure = d.approve(ctx, p.Number, asked)
		}
		return failure != nil || done(r)
	})
	if bar != nil {
		bar.Done()
	}
	if err == nil {
		err = failure
	}
	if err == nil {
		d.say("   merged by the reviewer; complete %s later\n", time.Since(begun).Round(100*time.Millisecond))
	}
	return r, err
}

// approve plays the person with the test devices.
func (d *Demo) approve(ctx context.Context, number int, why string) error {
	d.say("   the daemon waits: %s\n   a person writes under #%d: /approve devices\n", why, number)
	return d.scenario.Say(ctx, number, "Tried on both phones.\n\n/approve devices")
}

// complete tells whether everything up to a marker is done.
func complete(phase string, weight int) func(scenario.Report) bool {
	return func(r scenario.Report) bool {
		return r.Marker.Phase == phase && r.Marker.Weight == weight && r.Decision.Kind == "advance"
	}
}
