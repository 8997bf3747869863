package scenario

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// Report is what the daemon says of one migration at /api/v1/migrations, as far as it matters to those who watch.
// It is written out here because the daemon's answer is an interface of its own.
type Report struct {
	Branch string `json:"branch"`
	Commit string `json:"commit"`
	Marker struct {
		Phase  string
		Weight int
	}
	Decision struct {
		Kind   string
		Step   int
		Reason struct{ Code, Text string }
	} `json:"decision"`
	Steps []struct {
		Number, Done, Total int
		Title, Waiting      string
		Complete            bool
	} `json:"steps"`
	Services []Service `json:"services"`
	Repaired []struct {
		At    time.Time
		Drift struct {
			Sets []struct {
				Set  string
				Plan struct {
					Apply []struct{ Object, Kind, Reason, Diff string }
				}
			}
		}
	} `json:"repaired"`
	Error string `json:"error"`
	Pass  Pass   `json:"pass"`
	Total Counts `json:"total"`
}

// Service is one service of the new stack.
type Service struct {
	Service                           struct{ Product, Namespace, Name string }
	Class, Version, Execution, Status string
	Ready                             bool
}

// Pass is the daemon's last pass, and what it did.
type Pass struct {
	Number  int
	Done    bool
	Started time.Time
	Seconds float64
	Counts
}

// Counts is what the daemon did.
type Counts struct{ Renders, PipelinesSaved, Deployments, ObjectsWritten int }

// Report is the daemon's newest report of the migration's branch, or false if it has none yet.
func (d *Daemon) Report(ctx context.Context, branch string) (Report, bool, error) {
	var reports []Report
	if err := d.get(ctx, "/api/v1/migrations", &reports); err != nil {
		return Report{}, false, err
	}
	for _, r := range reports {
		if r.Branch == branch {
			return r, true, nil
		}
	}
	return Report{}, false, nil
}

// poll is how often a report is asked for while one waits for it.
const poll = 50 * time.Millisecond

// Await returns the first report of the branch for which done is true.
func (d *Daemon) Await(ctx context.Context, branch string, done func(Report) bool) (Report, error) {
	var last Report
	err := wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
		select {
		case <-d.ended:
			return false, fmt.Errorf("the daemon ended: %w", d.err)
		default:
		}
		r, ok, err := d.Report(ctx, branch)
		if err != nil || !ok {
			return false, nil // it may still be starting, and its end is seen above
		}
		last = r
		return done(r), nil
	})
	if err != nil {
		return last, fmt.Errorf("%w; %s: %s %s %s", err, branch, last.Decision.Kind, last.Decision.Reason.Text, last.Error)
	}
	return last, nil
}
