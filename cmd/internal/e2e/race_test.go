package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/cmd/internal/lab/scenario"
	"cutover/gitops/estate"
)

// hasty is how many commits people push while the daemon commits, too.
const hasty = 20

// TestRaceOfCommits pushes to the branch without a pause while the daemon generates files and pins versions: every
// commit lands, nothing is lost, and the phase completes.
func TestRaceOfCommits(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	d := p.start(t)
	if err := p.Hook(t.Context(), d); err != nil { // so that the daemon begins as soon as a commit is there
		t.Fatal(err)
	}
	p.mark(t, estate.Prepare)
	note := func(i int) (path, text string) { return fmt.Sprintf("notes/%02d.md", i), fmt.Sprintf("note %d\n", i) }
	var pushed []string
	for i := range hasty {
		if i == hasty/3 {
			p.mark(t, estate.Deploy)
		}
		path, text := note(i)
		pushed = append(pushed, p.push(t, fmt.Sprintf("Note %d", i), path, text))
	}
	last := pushed[len(pushed)-1]
	c := p.clone(t)
	r := p.await(t, d, "phase deploy is complete with all that was pushed", func(r scenario.Report) bool {
		return complete(estate.Deploy)(r) && c.contains(t, r.Commit, last)
	})
	line := strings.Fields(c.git(t, "log", "--first-parent", "--format=%H", r.Commit))
	on := map[string]bool{}
	for _, commit := range line {
		on[commit] = true
	}
	for i, commit := range pushed {
		path, text := note(i)
		if got := c.git(t, "show", r.Commit+":"+path); !on[commit] || got != strings.TrimSpace(text) {
			t.Errorf("note %d was lost: its commit is on the branch: %t, its text is %q", i, on[commit], got)
		}
	}
	by := strings.Split(c.git(t, "log", "--author=cutover@", "--format=%s", r.Commit), "\n")
	if len(by) < 2 {
		t.Errorf("the daemon's commits are %q, want files and versions", by)
	}
	p.checkPipelines(t)
	if diff := cmp.Diff(p.once(), p.executions(t)); diff != "" {
		t.Errorf("executions (-want +got):\n%s", diff)
	}
}
