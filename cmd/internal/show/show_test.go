package show_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cutover/cmd/internal/show"
	"cutover/gitops/estate"
	"cutover/reconciler"
	"cutover/reconciler/evidence"
	"cutover/reconciler/invariant"
	"cutover/reconciler/phase"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

var at0 = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func version(s string) estate.Version { return estate.Must(estate.ParseVersion(s)) }

// reported is a migration at a marker, of which something is known.
func reported(at estate.Marker, edit func(*reconciler.Report)) reconciler.Report {
	r := reconciler.Report{
		Branch: "migration/eks", Commit: "0123456789abcdef", Marker: at,
		Decision: phase.Decision{Kind: phase.Hold, Reason: phase.Reason{Code: phase.Baking, Text: "baked 3m0s of 10m0s"}},
	}
	edit(&r)
	return r
}

// TestReports compares what the commands print of a report with testdata.
func TestReports(t *testing.T) {
	t.Parallel()
	deploy, canary := estate.Marker{Phase: estate.Deploy}, estate.Marker{Phase: estate.Canary, Weight: 5}
	for name, tt := range map[string]struct {
		print  func(io.Writer, reconciler.Report)
		report reconciler.Report
	}{
		"behind": {show.Drift, reported(deploy, func(r *reconciler.Report) {
			r.Resync = &phase.Resync{
				At: at0, Cluster: estate.Must(estate.ParseClusterName("orbit-prod")),
				Services: []phase.ServiceBehind{
					{Service: "orbit/core/api", Running: version("1.5.0"), Pinned: version("1.4.0"), Since: at0.Add(-80 * time.Hour), Days: 3},
					{Service: "orbit/core/profile", Running: version("2.0.1"), Pinned: version("2.0.0")},
				},
				Main: phase.MainAhead{
					Behind: 3, Take: []string{"deploy-values/orbit/core/api/values.yaml"},
					Commits: []phase.MainCommit{
						{Commit: "aaaaaaaaaaaaaaaa", Author: "Ada", At: at0, Subject: "Another\x1b[2J port"},
						{Commit: "bbbbbbbbbbbbbbbb", Author: "Dana", At: at0.Add(-time.Hour), Subject: "More memory"},
					},
					Conflicts: []phase.MainConflicting{{Path: "deploy-values/orbit/core/match/values.yaml", Ours: "cccccccccccccccc", Theirs: "aaaaaaaaaaaaaaaa"}},
					Unusable:  "2 problems:\ncutover.yaml:1: unknown key",
				},
				Secrets:   []phase.SecretBehind{{Path: "core/api-db", Key: "password", Kind: evidence.SecretDiffers}, {Path: "core/api-db", Key: "user", Kind: evidence.SecretMissing}, {Path: "core/mail", Key: "", Kind: evidence.SecretDiffers}},
				Kept:      []phase.SecretBehind{{Path: "core/api-db", Key: "tried", Kind: evidence.SecretExtra}},
				Roles:     []phase.Lacking{{Name: "orbit-images", Reason: "does not trust arn:aws:iam::123456789012:role/nodes"}},
				Pipelines: []phase.Lacking{{Name: "api/deploy-prod2", Reason: "differs"}},
				Files:     []phase.Lacking{{Name: "deploy-values/orbit/core/api/prod2-values.yaml", Reason: "differs"}},
				Unseen:    []string{"smoke tests: no answer"},
			}
			r.Error = "smoke tests: no answer"
		})},
		"not-behind": {show.Drift, reported(deploy, func(r *reconciler.Report) {
			r.Resync = &phase.Resync{At: at0, Cluster: estate.Must(estate.ParseClusterName("orbit-prod"))}
		})},
		"canary": {show.Status, reported(canary, func(r *reconciler.Report) {
			r.Edge = []reconciler.ProxyReport{{Proxy: "edge-1", Weight: 5}, {Proxy: "edge-10", Unreachable: "dial tcp 10.0.0.1:9001: i/o timeout"}}
			r.Checks = []reconciler.CheckReport{
				{Name: "error rate", Verdict: evidence.Pass, Reason: "0.001, at most 0.01"},
				{Name: "latency at the edge", Verdict: evidence.Inconclusive, Reason: "12 requests of 100"},
			}
			r.Breaches = []reconciler.BreachReport{{
				Breach: invariant.Breach{Name: "one-singleton", Text: "two instances of match get requests", Objects: []string{"orbit/core/match"}}, Since: at0,
			}}
			r.Steps = []phase.StepProgress{
				{Number: 9, Phase: estate.Freeze, Title: "Bring over what changed since", Complete: true},
				{Number: 14, Phase: estate.Canary, Title: "Canary at the edge", Done: 1, Total: 2, Waiting: "baked 3m0s of 10m0s"},
			}
		})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			tt.print(&out, tt.report)
			golden := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(golden, out.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
