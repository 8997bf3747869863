package reconciler

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"cutover/gitops/estate"
	"cutover/reconciler/phase"
)

// PlanResync is Plan, and what of every migration that has begun step 9 would bring over if it were frozen now. More systems
// are asked for that. It writes nothing.
func (r *Reconciler) PlanResync(ctx context.Context, heads estate.Heads) ([]Report, error) {
	reports, err := r.Plan(ctx, heads)
	errs := []error{err}
	for i := range reports {
		report := &reports[i]
		k := r.knowledgeOf(report.Branch)
		if k.desired == nil || k.course == nil || k.course.reached < estate.Prepare {
			continue
		}
		e, err := r.foresee(ctx, k.desired, k, estate.Marker{Phase: estate.Freeze})
		list := phase.ResyncOf(&k.desired.migration, &e, r.Now())
		report.Resync = &list
		if err != nil && report.Error == "" { // otherwise it tells of the same systems, and the list names them all
			report.Error = err.Error()
			errs = append(errs, fmt.Errorf("%s: %w", report.Branch, err))
		}
	}
	return reports, errors.Join(errs...)
}

// mostListed is how many things of each kind a pull request lists.
const mostListed = 25

// resyncLines are what is to be brought over, for a pull request.
func resyncLines(list phase.Resync) []string {
	var out []string
	out = append(out, listed(list.Main.Conflicts, "conflicts", func(c phase.MainConflicting) string {
		return fmt.Sprintf("**conflict**: `%s` was changed on both branches (%.10s here, %.10s on the base branch): a person has to settle it", c.Path, c.Ours, c.Theirs)
	})...)
	if list.Main.Unusable != "" {
		out = append(out, "the base branch cannot be merged as it is: "+oneLine(list.Main.Unusable))
	}
	out = append(out, listed(list.Services, "services", func(s phase.ServiceBehind) string {
		return fmt.Sprintf("%s: the old cluster runs %s, pinned is %s, %s", s.Service, s.Running, s.Pinned, DaysBehind(s))
	})...)
	out = append(out, listed(list.Main.Commits, "commits", func(c phase.MainCommit) string {
		return fmt.Sprintf("commit %.10s of the base branch, by %s: %s", c.Commit, oneLine(c.Author), oneLine(c.Subject))
	})...)
	out = append(out, listed(list.Main.Take, "paths", func(path string) string { return "takes `" + path + "` from the base branch" })...)
	out = append(out, listed(list.Secrets, "keys", func(s phase.SecretBehind) string { return "secret " + secretLine(s) })...)
	for _, kind := range []struct {
		name string
		list []phase.Lacking
	}{{"role", list.Roles}, {"pipeline", list.Pipelines}, {"file", list.Files}} {
		out = append(out, listed(kind.list, kind.name+"s", func(l phase.Lacking) string {
			return fmt.Sprintf("%s %s: %s", kind.name, l.Name, oneLine(l.Reason))
		})...)
	}
	return out
}

// listed are the lines of the first things of a list, and how many more there are.
func listed[T any](list []T, name string, line func(T) string) []string {
	var out []string
	for _, x := range list[:min(len(list), mostListed)] {
		out = append(out, line(x))
	}
	if more := len(list) - mostListed; more > 0 {
		out = append(out, fmt.Sprintf("and %d more %s: `cutover drift` lists them all", more, name))
	}
	return out
}

func secretLine(s phase.SecretBehind) string {
	what := "key `" + s.Key + "`"
	if s.Key == "" {
		what = "as a whole"
	}
	return strings.Join([]string{"`" + s.Path + "`", what, string(s.Kind)}, ", ")
}

// DaysBehind says for how long a service has been behind.
func DaysBehind(s phase.ServiceBehind) string {
	switch {
	case s.Since.IsZero():
		return "not noted yet since when"
	case s.Days == 0:
		return "less than a day behind"
	case s.Days == 1:
		return "1 day behind"
	}
	return fmt.Sprintf("%d days behind", s.Days)
}
