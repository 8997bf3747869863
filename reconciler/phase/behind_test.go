package phase_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

// TestResyncOf changes something of every kind on the old side.
func TestResyncOf(t *testing.T) {
	t.Parallel()
	m := migration()
	e := complete(m, deploy)
	if list := phase.ResyncOf(m, &e, t0); !list.Empty() || len(list.Kept)+len(list.Unseen) > 0 {
		t.Errorf("nothing changed, and it lists %+v", list)
	}
	newer := estate.Must(estate.ParseVersion("9.0.0"))
	e.Services[0].Running, e.Services[0].Since = newer, t0.Add(-49*time.Hour)
	e.Services[1].Running = newer // nobody has noted since when
	e.Services[2].Running, e.Services[2].Pinned = newer, estate.Version{}
	e.Main = evidence.Main{
		Head: "aaaa", Behind: 2, Take: []string{"x.yaml"},
		Commits:   []estate.Commit{{Hash: "aaaa", Author: "Ada", When: t0, Message: "More memory\n\nfor the sale\n"}},
		Conflicts: []evidence.Conflict{{Path: "y.yaml", Ours: "bbbb", Theirs: "aaaa"}},
	}
	e.Secrets.Different = []evidence.SecretDifference{
		{Path: "core/api", Key: "a", Kind: evidence.SecretMissing}, {Path: "core/api", Key: "b", Kind: evidence.SecretDiffers},
		{Path: "core/api", Key: "c", Kind: evidence.SecretExtra}, {Path: "core/api", Key: "d", Kind: evidence.SecretStale},
	}
	e.Roles = []evidence.Role{{Name: "r1"}, {Name: "r2", Missing: true}, {Name: "r3", Problem: "it denies"}, {Name: "r4", Trusts: true}}
	e.Pipelines = append(e.Pipelines, evidence.Pipeline{Application: "api", Name: "p", State: evidence.PipelineDiffers, Reason: "stages differ"})
	e.Files = []evidence.File{{Path: "prod2-values.yaml", State: evidence.FileMissing}}
	e.Unseen = []evidence.Unseen{{What: "smoke tests", Reason: "no answer"}}

	want := phase.Resync{
		At: t0, Cluster: m.From.Cluster,
		Services: []phase.ServiceBehind{
			{Service: e.Services[0].ID.String(), Running: newer, Pinned: e.Services[0].Pinned, Since: t0.Add(-49 * time.Hour), Days: 2},
			{Service: e.Services[1].ID.String(), Running: newer, Pinned: e.Services[1].Pinned},
		},
		Main: phase.MainAhead{
			Behind: 2, Take: []string{"x.yaml"}, Commits: []phase.MainCommit{{Commit: "aaaa", Author: "Ada", At: t0, Subject: "More memory"}},
			Conflicts: []phase.MainConflicting{{Path: "y.yaml", Ours: "bbbb", Theirs: "aaaa"}},
		},
		Secrets:   []phase.SecretBehind{{Path: "core/api", Key: "a", Kind: evidence.SecretMissing}, {Path: "core/api", Key: "b", Kind: evidence.SecretDiffers}},
		Kept:      []phase.SecretBehind{{Path: "core/api", Key: "c", Kind: evidence.SecretExtra}},
		Roles:     []phase.Lacking{{Name: "r1", Reason: "does not trust " + m.Trust.Principal}, {Name: "r2", Reason: "there is no such role"}, {Name: "r3", Reason: "cannot be changed: it denies"}},
		Pipelines: []phase.Lacking{{Name: "api/p", Reason: "stages differ"}},
		Files:     []phase.Lacking{{Name: "prod2-values.yaml", Reason: "missing"}},
		Unseen:    []string{"smoke tests: no answer"},
	}
	got := phase.ResyncOf(m, &e, t0)
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(estate.Version{}, estate.ClusterName{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Empty() {
		t.Error("it is said to be empty")
	}
	if _, err := json.Marshal(got); err != nil {
		t.Error(err)
	}
	for name, one := range map[string]phase.Resync{
		"services": {Services: want.Services}, "commits": {Main: phase.MainAhead{Behind: 1}}, "conflicts": {Main: phase.MainAhead{Conflicts: want.Main.Conflicts}},
		"secrets": {Secrets: want.Secrets}, "roles": {Roles: want.Roles}, "pipelines": {Pipelines: want.Pipelines}, "files": {Files: want.Files},
	} {
		if one.Empty() {
			t.Errorf("with %s it is said to be empty", name)
		}
	}
	if !(phase.Resync{Kept: want.Kept}).Empty() {
		t.Error("what only the copy has is said to be brought over")
	}
}
