package e2e

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/cmd/internal/lab/scenario"
	"cutover/gitops/estate"
)

// TestBadInput breaks a file of a branch whose migration stands: the daemon says where, touches nothing, and goes on
// with the commit that repairs it.
func TestBadInput(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	p.mark(t, estate.Prepare, estate.Deploy)
	d := p.start(t)
	p.await(t, d, "phase deploy is complete", complete(estate.Deploy))
	before := p.look(t)
	for _, tt := range []struct{ path, text, typo, line string }{
		{p.file("profile", "service.yaml"), "team: core", "taem: core", ":2: "},
		{p.file("profile", "values.yaml"), "port: 8080", "port: [8080", ":2: "},
		{"cutover.yaml", "{from: \"builtin:routing\"}", "{from: \"builtin:ruoting\"}", ":8: "},
		{p.migration.Path + "/migration.yaml", "parallel: 4", "parallel: many", ":"},
	} {
		commit := p.edit(t, tt.path, tt.text, tt.typo)
		r := p.await(t, d, "the typo is reported", func(r scenario.Report) bool { return r.Commit == commit && r.Error != "" })
		if !strings.Contains(r.Error, tt.path+tt.line) {
			t.Errorf("the report says %q, want %s%s", r.Error, tt.path, tt.line)
		}
		checkAlive(t, d)
		checkUntouched(t, before, p.look(t), commit)
		fix := p.edit(t, tt.path, tt.typo, tt.text)
		p.await(t, d, "the repaired commit is taken up", func(r scenario.Report) bool {
			return r.Commit == fix && r.Error == "" && complete(estate.Deploy)(r)
		})
		checkUntouched(t, before, p.look(t), fix)
	}
}

// checkUntouched checks that the daemon wrote nothing although the branch went to head.
func checkUntouched(t *testing.T, before, now world, head string) {
	t.Helper()
	before.Head = head
	if diff := cmp.Diff(before, now); diff != "" {
		t.Errorf("the daemon wrote something (-before +now):\n%s", diff)
	}
}
