package drift_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/reconciler/drift"
	"cutover/reconciler/object"
)

func TestReport(t *testing.T) {
	git := objects(t, []byte(scaled+"---\napiVersion: v1\nkind: Secret\nmetadata: {name: login, namespace: core}\ndata: {password: aHVudGVyMg==}\n"))
	live := &store{t: t}
	live.apply(git)
	live.patch("kubectl-edit", objects(t, []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: login, namespace: core}\ndata: {password: aHVudGVyMw==}\n")))
	plan, err := drift.Decide(set, git, object.Live{Objects: live.objects, Complete: true}, policy)
	if err != nil {
		t.Fatal(err)
	}
	r := drift.Report{Cluster: "orbit-prod2", Sets: []drift.Entry{
		{Set: object.Set{Namespace: "web", Name: "quiet"}, Plan: drift.Plan{Same: 7}, Health: drift.Current},
		{Set: object.Set{Namespace: "web", Name: "lost"}, Error: "temporary failure: connection refused"},
		{Set: set, Plan: plan, Health: drift.InProgress, Reason: "core/Deployment.apps/api: Replicas: 1/3", Unlisted: []string{"Widget.example.com: v1 does not answer"}},
	}}
	r.Sort()
	encoded, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for file, got := range map[string]string{"testdata/report.golden": r.Text(), "testdata/report.json": string(encoded) + "\n"} {
		if strings.Contains(got, "hunter") || strings.Contains(got, "aHVudGVy") {
			t.Errorf("%s shows a secret", file)
		}
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got; go test -update rewrites it):\n%s", file, diff)
		}
	}
	if !r.Counts().Drifted() || (drift.Counts{Same: 3}).Drifted() {
		t.Error("wrong about what is drift")
	}
}
