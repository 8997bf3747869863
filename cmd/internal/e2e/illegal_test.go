package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cutover/cmd/internal/lab/scenario"
	"cutover/gitops/estate"
)

// TestIllegalMarkers offers markers that must move nothing: each pull request is refused with the reason before it is
// merged, and when it is merged all the same, nothing moves.
func TestIllegalMarkers(t *testing.T) {
	t.Parallel()
	m := newMoving(t, nil)
	d := m.hooked(t)
	m.passed(t, d, "prepare")
	legal := m.proposed(t, d, "deploy")
	before := m.look(t)
	marker := func(text string) estate.File {
		return estate.File{Path: m.migration.MarkerPath(), Data: []byte(text)}
	}
	for i, tt := range []struct {
		name, into, message string
		files               []estate.File
		below               string // a file that an earlier commit of the same pull request changes
		method              string // by which it is merged
		context             string // of the failing status
		code, says          string // of the refusal, before the merge
		kind, decides       string // what is decided after it
	}{
		// The first two touch no marker of this migration's branch, so that no marker is refused; but a migration that has nothing
		// else makes the branch unusable. They come before those that leave a marker behind.
		{"another migration's", m.migration.Branch, "On\n\nCutover-Phase: deploy", []estate.File{{Path: "migrations/other/phase.yaml", Data: []byte("phase: deploy\n")}}, "", "merge",
			"marker", "marker-elsewhere", "migrations/other/phase.yaml", "refuse", "branch-unusable"},
		{"on the main branch", "main", "On\n\nCutover-Phase: deploy", []estate.File{marker("phase: deploy\n")}, "", "merge",
			"marker", "marker-elsewhere", "its migration's own branch only", "advance", "complete"},
		{"skips a phase", m.migration.Branch, "On\n\nCutover-Phase: freeze", []estate.File{marker("phase: freeze\n")}, "", "merge",
			"freeze", "marker-skips", "skips a checkpoint", "refuse", "marker-skips"},
		{"a weight that is no step", m.migration.Branch, "On\n\nCutover-Phase: canary", []estate.File{marker("phase: canary\nweight: 33\n")}, "", "merge",
			"canary", "weight-unknown", "33", "refuse", "weight-unknown"},
		{"an unknown phase", m.migration.Branch, "On\n\nCutover-Phase: deplyo", []estate.File{marker("phase: deplyo\n")}, "", "merge",
			"marker", "phase-unknown", "deplyo", "refuse", "phase-unknown"},
		{"without the trailer", m.migration.Branch, "On", []estate.File{marker("phase: deploy\n")}, "", "merge",
			"deploy", "marker-trailer", "Cutover-Phase: deploy", "refuse", "marker-trailer"},
		{"with another file", m.migration.Branch, "On\n\nCutover-Phase: deploy", []estate.File{marker("phase: deploy\n"), {Path: "notes.md", Data: []byte("notes\n")}}, "", "merge",
			"deploy", "marker-mixed", "notes.md", "refuse", "marker-mixed"},
		{"with another file in another commit, rebased", m.migration.Branch, "On\n\nCutover-Phase: deploy", []estate.File{marker("phase: deploy\n")}, "more.md", "rebase",
			"deploy", "marker-mixed", "more.md", "refuse", "marker-mixed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			begun := time.Now()
			lap := func(what string) { t.Logf("%5.1fs %s", time.Since(begun).Seconds(), what) }
			branch := fmt.Sprintf("developer/%d", i)
			if tt.below != "" {
				c := m.clone(t)
				c.git(t, "checkout", "-q", "-B", "below", "origin/"+tt.into)
				c.commit(t, "Something else", tt.below, "more\n")
				c.git(t, "push", "-q", "origin", "below:"+branch)
			}
			number, err := m.Offer(t.Context(), branch, tt.into, tt.message, tt.files...)
			if err != nil {
				t.Fatal(err)
			}
			m.eventually(t, d, "the pull request is refused", func(context.Context) bool {
				state, _ := m.state(t, m.head(t, number), m.context(tt.context))
				return state == "failure" && len(m.saidOf(t, number, "This marker would be refused")) == 1
			})
			lap("refused")
			_, says := m.state(t, m.head(t, number), m.context(tt.context))
			if comment := m.saidOf(t, number, "### Plan: ")[0]; !strings.Contains(comment, tt.says) || !strings.Contains(comment, "("+tt.code+")") {
				t.Errorf("the comment says %q, want it to name %s: %q", comment, tt.code, tt.says)
			}
			if !strings.HasPrefix(says, "Refused ("+tt.code+"): ") {
				t.Errorf("the status says %q, want %s", says, tt.code)
			}
			if err := m.MergeBy(t.Context(), number, tt.method); err != nil {
				t.Fatal(err)
			}
			r := m.checkUnmoved(t, d, before)
			if r.Decision.Kind != tt.kind || r.Decision.Reason.Code != tt.decides {
				t.Errorf("after the merge: %s %s: %s; want %s %s", r.Decision.Kind, r.Decision.Reason.Code, r.Decision.Reason.Text, tt.kind, tt.decides)
			}
			lap("merged all the same")
			m.undo(t, d, tt.files, tt.into)
			lap("taken back")
		})
	}
	t.Run("pushed", func(t *testing.T) {
		commit := m.push(t, "On\n\nCutover-Phase: deploy", m.migration.MarkerPath(), "phase: deploy\n")
		r := m.await(t, d, "the marker is refused", func(r scenario.Report) bool { return r.Commit == commit && r.Decision.Kind == "refuse" })
		if r.Decision.Reason.Code != "marker-pushed" {
			t.Errorf("refused with %s: %s", r.Decision.Reason.Code, r.Decision.Reason.Text)
		}
		m.checkUnmoved(t, d, before)
	})
	if n := len(m.saidOf(t, legal.Number, "### Plan: ")); n != 1 {
		t.Errorf("the daemon's own pull request has %d plans", n)
	}
}

// checkUnmoved waits for a pass that began after what was merged or pushed just now, and checks that the migration stays
// where it is.
func (m *moving) checkUnmoved(t *testing.T, d *scenario.Daemon, before world) scenario.Report {
	t.Helper()
	merged := time.Now()
	head, err := m.Head(t.Context(), m.migration.Branch)
	if err != nil {
		t.Fatal(err)
	}
	r := m.await(t, d, "the merge is seen", func(r scenario.Report) bool {
		return r.Commit == head && r.Pass.Done && r.Pass.Started.After(merged)
	})
	if r.Marker.Phase != "prepare" {
		t.Errorf("the migration stands at %s", standsAt(r))
	}
	after := m.look(t)
	after.Head, before.Head = "", ""
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("something moved (-before +now):\n%s", diff)
	}
	return r
}

// undo takes the files of a merged pull request back, as the person does who is told of it.
func (m *moving) undo(t *testing.T, d *scenario.Daemon, files []estate.File, branch string) {
	t.Helper()
	c := m.clone(t)
	c.git(t, "checkout", "-q", "-B", "undo", "origin/"+branch)
	for _, f := range files {
		if branch == m.migration.Branch && f.Path == m.migration.MarkerPath() {
			c.commit(t, "Back to prepare\n\nCutover-Phase: prepare", f.Path, "phase: prepare\n")
			continue
		}
		c.git(t, "rm", "-q", f.Path)
		c.git(t, "commit", "-q", "-m", "Take "+f.Path+" back")
	}
	c.git(t, "push", "-q", "origin", "undo:"+branch)
	head, err := m.Head(t.Context(), m.migration.Branch)
	if err != nil {
		t.Fatal(err)
	}
	m.await(t, d, "what was taken back is seen", func(r scenario.Report) bool { return r.Commit == head && r.Pass.Done && r.Error == "" })
}
