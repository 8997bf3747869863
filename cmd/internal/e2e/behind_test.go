package e2e

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"cutover/cmd/internal/lab/scenario"
)

// checkBehind lets a developer work on while the new cluster waits for its freeze: `cutover drift` lists what the freeze
// will bring over, and so does the plan of its pull request.
func (m *moving) checkBehind(t *testing.T, d *scenario.Daemon) {
	t.Helper()
	freeze := m.proposed(t, d, "freeze")
	if list := m.behind(t, d); len(list.Services)+len(list.Secrets)+list.Main.Behind > 0 {
		t.Errorf("nothing changed on the old side, and drift lists %+v", list)
	}
	path := m.file("profile", "prod-values.yaml")
	commit, err := m.Push(t.Context(), "main", "More copies of profile", m.changed(t, "main", path, "replicas: 2", "replicas: 3"))
	if err != nil {
		t.Fatal(err)
	}
	id, err := m.Trigger(t.Context(), "profile", "deploy-prod", "1.2.1")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.AwaitExecution(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := m.ChangeSecret(t.Context(), m.estate, m.migration, m.migration.Product.String()+"-core/api-db", "password", m.hidden+rotated); err != nil {
		t.Fatal(err)
	}
	m.eventually(t, d, "the plan of the freeze has what changed", func(context.Context) bool {
		list := m.saidOf(t, freeze.Number, "### Plan: ")
		return len(list) == 1 && strings.Contains(list[0], "the old cluster runs 1.2.1, pinned is 1.2.0, less than a day behind") &&
			strings.Contains(list[0], "commit "+commit[:10]+" of the base branch") && strings.Contains(list[0], "takes `"+path+"`") &&
			strings.Contains(list[0], "key `password`, differs")
	})
	shown := m.cutover(t, d, "drift")
	for _, want := range []string{
		`^  SERVICE +RUNNING  PINNED  DAYS BEHIND$`, `core/profile +1\.2\.1 +1\.2\.0 +0$`, `^  ` + commit[:10] + ` .* More copies of profile$`,
		`^  ` + path + `$`, `core/api-db +password +has it otherwise$`,
	} {
		if !regexp.MustCompile(`(?m)` + want).MatchString(shown) {
			t.Errorf("drift shows nothing like %q:\n%s", want, shown)
		}
	}
}

// checkCaughtUp checks that all of it has been brought over.
func (m *moving) checkCaughtUp(t *testing.T, d *scenario.Daemon) {
	t.Helper()
	if list := m.behind(t, d); len(list.Services)+len(list.Secrets)+list.Main.Behind > 0 {
		t.Errorf("after the freeze drift lists %+v", list)
	}
}

// behind is what drift lists for a program.
func (m *moving) behind(t *testing.T, d *scenario.Daemon) (list struct {
	Services, Secrets []any
	Main              struct{ Behind int }
},
) {
	t.Helper()
	var reports []struct{ Resync json.RawMessage }
	out := m.cutover(t, d, "drift", "-o", "json")
	if err := json.Unmarshal([]byte(out), &reports); err != nil || len(reports) != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	if err := json.Unmarshal(reports[0].Resync, &list); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return list
}
