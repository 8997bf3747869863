package show

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"cutover/reconciler"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

// Drift prints what is to be brought over, and how the new cluster differs from git.
func Drift(w io.Writer, r reconciler.Report) {
	heading(w, r)
	if r.Resync != nil {
		resync(w, *r.Resync)
	}
	switch {
	case len(r.Drift.Sets) == 0 && r.Error == "":
		fmt.Fprintln(w, "\nnothing to compare in the new cluster: no service is deployed as git has it")
	case len(r.Drift.Sets) > 0:
		fmt.Fprint(w, "\n"+r.Drift.Text())
		if !r.Drift.Counts().Drifted() {
			fmt.Fprintln(w, "  nothing drifted")
		}
	}
}

// resync lists what is to be brought over: first what a person has to settle.
func resync(w io.Writer, list phase.Resync) {
	fmt.Fprintln(w)
	for _, u := range list.Unseen {
		fmt.Fprintf(w, "not looked at: %s\n", indented(u))
	}
	switch {
	case list.Empty() && len(list.Unseen) == 0:
		fmt.Fprintf(w, "%s: nothing is to be brought over\n", list.Cluster)
	case !list.Empty():
		fmt.Fprintf(w, "%s: to be brought over, by step 9 at the latest\n", list.Cluster)
	}
	section(w, []string{"CONFLICT", "ON THE BRANCH", "ON THE BASE BRANCH"}, list.Main.Conflicts, func(c phase.MainConflicting) []string {
		return []string{c.Path, short(c.Ours), short(c.Theirs)}
	})
	if list.Main.Unusable != "" {
		fmt.Fprintf(w, "\n  the base branch cannot be merged as it is: %s\n", indented(list.Main.Unusable))
	}
	section(w, []string{"SERVICE", "RUNNING", "PINNED", "DAYS BEHIND"}, list.Services, func(s phase.ServiceBehind) []string {
		days := "not noted yet"
		if !s.Since.IsZero() {
			days = strconv.Itoa(s.Days)
		}
		return []string{s.Service, s.Running.String(), s.Pinned.String(), days}
	})
	section(w, []string{"COMMIT", "TIME", "AUTHOR", "SUBJECT"}, list.Main.Commits, func(c phase.MainCommit) []string {
		return []string{short(c.Commit), c.At.UTC().Format(TimeFormat), c.Author, c.Subject}
	})
	if more := list.Main.Behind - len(list.Main.Commits); more > 0 {
		fmt.Fprintf(w, "  and %d more before them\n", more)
	}
	section(w, []string{"PATH THAT IS TAKEN FROM THE BASE BRANCH"}, list.Main.Take, func(path string) []string { return []string{path} })
	section(w, []string{"SECRET", "KEY", "THE COPY"}, slices.Concat(list.Secrets, list.Kept), secretRow)
	for _, kind := range []struct {
		heading string
		list    []phase.Lacking
	}{{"ROLE", list.Roles}, {"PIPELINE", list.Pipelines}, {"GENERATED FILE", list.Files}} {
		section(w, []string{kind.heading, "STATE"}, kind.list, func(l phase.Lacking) []string { return []string{l.Name, l.Reason} })
	}
}

// copies says how the copy of a key stands.
var copies = map[evidence.SecretKind]string{
	evidence.SecretMissing: "lacks it", evidence.SecretDiffers: "has it otherwise", evidence.SecretExtra: "alone has it, and keeps it",
}

func secretRow(s phase.SecretBehind) []string {
	key := s.Key
	if key == "" {
		key = "(as a whole)"
	}
	return []string{s.Path, key, copies[s.Kind]}
}

// section prints a table under its heading, below an empty line; nothing if there is nothing in it.
func section[T any](w io.Writer, heading []string, list []T, row func(T) []string) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := NewTable(w)
	t.Row(heading...)
	for _, x := range list {
		t.Row(row(x)...)
	}
	t.Flush()
}

// short is a commit as people write it.
func short(commit string) string { return commit[:min(len(commit), 10)] }
