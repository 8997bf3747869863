package phase_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

var t0 = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func migration(p estate.Phase) *estate.Migration {
	return &estate.Migration{
		Name: estate.Must(estate.ParseMigrationName("eks")), Path: "migrations/eks", Branch: "migration/eks",
		From:     estate.Side{Cluster: estate.Must(estate.ParseClusterName("orbit-prod"))},
		To:       estate.Side{Cluster: estate.Must(estate.ParseClusterName("orbit-prod2"))},
		Parallel: 2,
		Marker:   estate.Marker{Phase: p},
	}
}

// marked is evidence of a marker that arrived as it should.
func marked(p estate.Phase) evidence.Evidence {
	return evidence.Evidence{
		Marker: evidence.Marker{Commit: "0123456789abcdef", Trailer: p.String(), Before: estate.Marker{Phase: p - 1}, Reviewed: true},
		Survey: evidence.Survey{OldVersion: "v1.29.3", NewVersion: "v1.31.0", Nodes: 3, NodesReady: 3},
	}
}

func service(name string, class estate.Class, edit ...func(*evidence.Service)) evidence.Service {
	s := evidence.Service{
		ID: estate.ServiceID{
			Product:   estate.Must(estate.ParseProductName("orbit")),
			Namespace: estate.Must(estate.ParseNamespaceName("core")),
			Name:      estate.Must(estate.ParseServiceName(name)),
		},
		Class: class, Wanted: "d1",
		Running: estate.Must(estate.ParseVersion("1.0")), Pinned: estate.Must(estate.ParseVersion("1.0")),
	}
	for _, f := range edit {
		f(&s)
	}
	return s
}

func deployed(status pipeline.Status, digest string, number int, ago time.Duration) func(*evidence.Service) {
	return func(s *evidence.Service) {
		d := evidence.Deployment{Digest: digest, Number: number, ID: fmt.Sprintf("E%d", number), Status: status, Ended: t0.Add(-ago)}
		if status == pipeline.Terminal {
			d.Reason = "bake: no such chart"
		}
		s.Deployments = append([]evidence.Deployment{d}, s.Deployments...)
	}
}

func isReady(s *evidence.Service) {
	deployed(pipeline.Succeeded, "d1", len(s.Deployments)+1, time.Hour)(s)
	s.Ready = true
}

// transcript prints a decision as a person would read it.
func transcript(d phase.Decision) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s step %d: %s", d.Kind, d.Step, d.Reason.Code)
	if !d.Until.IsZero() {
		fmt.Fprintf(&b, " until +%s", d.Until.Sub(t0))
	}
	for _, a := range d.Actions {
		fmt.Fprintf(&b, "\n  %s %s", a.Verb, a.Target)
		if a.Key != "" {
			fmt.Fprintf(&b, " [%s]", a.Key)
		}
	}
	return b.String()
}

func TestNext(t *testing.T) {
	tests := []struct {
		name  string
		phase estate.Phase
		edit  func(*estate.Migration, *evidence.Evidence)
		want  string
	}{
		{"no marker", 0, nil, "refuse step 0: marker-missing"},
		{"a phase without steps", estate.Cutover, nil, "refuse step 0: phase-unknown"},
		{"pushed marker", estate.Prepare, func(_ *estate.Migration, e *evidence.Evidence) { e.Marker.Reviewed = false }, "refuse step 0: marker-pushed"},
		{"marker without trailer", estate.Prepare, func(_ *estate.Migration, e *evidence.Evidence) { e.Marker.Trailer = "" }, "refuse step 0: marker-trailer"},
		{"trailer of another phase", estate.Prepare, func(_ *estate.Migration, e *evidence.Evidence) { e.Marker.Trailer = "deploy" }, "refuse step 0: marker-trailer"},
		{"marker skips prepare", estate.Deploy, func(_ *estate.Migration, e *evidence.Evidence) { e.Marker.Before = estate.Marker{} }, "refuse step 0: marker-skips"},
		{"marker goes back", estate.Prepare, func(_ *estate.Migration, e *evidence.Evidence) { e.Marker.Before = estate.Marker{Phase: estate.Deploy} }, "advance step 0: complete"},
		{"pipelines go before the file that names them", estate.Prepare, func(_ *estate.Migration, e *evidence.Evidence) {
			e.Files = []evidence.File{{Path: "stacks.yaml", State: evidence.FileDiffers}}
			e.Pipelines = []evidence.Pipeline{{ID: "1", Application: "new", Name: "deploy-prod2", State: evidence.PipelineMissing}, {ID: "2", Application: "old", Name: "deploy-prod2", State: evidence.PipelineObsolete}}
		}, "do step 3: pipelines-pending\n  delete-pipeline old/deploy-prod2 [2]"},
		{"files first", estate.Prepare, func(_ *estate.Migration, e *evidence.Evidence) {
			e.Files = []evidence.File{{Path: "a", State: evidence.FileMissing}}
			e.Pipelines = []evidence.Pipeline{{ID: "1", Application: "api", Name: "deploy-prod2", State: evidence.PipelineMissing}}
		}, "do step 3: files-pending\n  commit-files migration/eks"},
		{"then pipelines", estate.Prepare, func(_ *estate.Migration, e *evidence.Evidence) {
			e.Pipelines = []evidence.Pipeline{
				{ID: "1", Application: "api", Name: "deploy-prod2", State: evidence.PipelineMissing},
				{ID: "2", Application: "old", Name: "deploy-prod2", State: evidence.PipelineObsolete},
			}
		}, "do step 5: pipelines-pending\n  save-pipeline api/deploy-prod2 [1]\n  delete-pipeline old/deploy-prod2 [2]"},
		{"a foreign pipeline holds", estate.Prepare, func(_ *estate.Migration, e *evidence.Evidence) {
			e.Pipelines = []evidence.Pipeline{{ID: "1", Application: "api", Name: "deploy-prod2", State: evidence.PipelineRefused}}
		}, "hold step 5: pipeline-refused"},
		{"prepare complete", estate.Prepare, nil, "advance step 0: complete"},
		{"prepare does not deploy", estate.Prepare, services(service("web", estate.Stateless)), "advance step 0: complete"},
		{"namespaces before services", estate.Deploy, func(_ *estate.Migration, e *evidence.Evidence) {
			e.Namespaces = []estate.NamespaceName{estate.Must(estate.ParseNamespaceName("core"))}
			e.Services = []evidence.Service{service("web", estate.Stateless)}
		}, "do step 6: namespaces-pending\n  create-namespace core"},
		{"versions before services", estate.Deploy, services(service("web", estate.Stateless, unpinned)), "do step 6: versions-pending\n  pin-versions migration/eks"},
		{"unknown version holds", estate.Deploy, services(service("web", estate.Stateless, unpinned, func(s *evidence.Service) { s.Running = estate.Version{} })), "hold step 6: version-unknown"},
		{"an unknown version does not stop the others of its wave", estate.Deploy, services(service("web", estate.Stateless, unpinned, func(s *evidence.Service) { s.Running = estate.Version{} }), service("api", estate.Stateless)),
			"do step 6: deploying\n  deploy orbit/core/api [cutover.api.d1.1]"},
		{"unknown version of an exclusive service does not", estate.Deploy, services(service("push", estate.Exclusive, unpinned, func(s *evidence.Service) { s.Running = estate.Version{} })), "advance step 0: complete"},
		{"as many as are allowed at once", estate.Deploy, services(service("a", estate.Stateless), service("b", estate.Stateless), service("c", estate.Stateless)),
			"do step 6: deploying\n  deploy orbit/core/a [cutover.a.d1.1]\n  deploy orbit/core/b [cutover.b.d1.1]"},
		{"a running one takes a place", estate.Deploy, services(service("a", estate.Stateless, deployed(pipeline.Running, "d1", 1, 0)), service("b", estate.Stateless), service("c", estate.Stateless)),
			"do step 6: deploying\n  deploy orbit/core/b [cutover.b.d1.1]"},
		{"never two executions of one service", estate.Deploy, services(service("a", estate.Stateless, deployed(pipeline.Running, "d0", 1, 0))), "hold step 6: deploying"},
		{"the singleton waits for stateless ones", estate.Deploy, services(service("match", estate.Singleton), service("web", estate.Stateless, deployed(pipeline.Running, "d1", 1, 0))), "hold step 6: deploying"},
		{"succeeded is not yet ready", estate.Deploy, services(service("web", estate.Stateless, deployed(pipeline.Succeeded, "d1", 1, 0)), service("match", estate.Singleton)), "hold step 6: deploying"},
		{"then the singleton, before its client", estate.Deploy, services(service("api", estate.StatefulClient), service("match", estate.Singleton), service("web", estate.Stateless, isReady)),
			"do step 6: deploying\n  deploy orbit/core/match [cutover.match.d1.1]"},
		{"then the client", estate.Deploy, services(service("api", estate.StatefulClient), service("match", estate.Singleton, isReady), service("web", estate.Stateless, isReady)),
			"do step 6: deploying\n  deploy orbit/core/api [cutover.api.d1.1]"},
		{"never an exclusive one", estate.Deploy, services(service("push", estate.Exclusive), service("api", estate.StatefulClient, isReady)), "advance step 0: complete"},
		{"a commit deploys what it changes", estate.Deploy, services(service("a", estate.Stateless, isReady, func(s *evidence.Service) { s.Wanted = "d2" }), service("b", estate.Stateless, isReady)),
			"do step 6: deploying\n  deploy orbit/core/a [cutover.a.d2.2]"},
		{"a failure holds the wave and is tried again", estate.Deploy, services(service("a", estate.Stateless, deployed(pipeline.Terminal, "d1", 1, 20*time.Second)), service("b", estate.Stateless, isReady), service("match", estate.Singleton)),
			"hold step 6: deploy-failed until +40s"},
		{"a failure is told once the others are done", estate.Deploy, services(service("a", estate.Stateless, deployed(pipeline.Terminal, "d1", 1, 0)), service("b", estate.Stateless, deployed(pipeline.Succeeded, "d1", 1, 0))),
			"hold step 6: deploying until +1m0s"},
		{"a failure does not stop the others of its wave", estate.Deploy, services(service("a", estate.Stateless, deployed(pipeline.Terminal, "d1", 1, 0)), service("b", estate.Stateless)),
			"do step 6: deploying until +1m0s\n  deploy orbit/core/b [cutover.b.d1.1]"},
		{"later again after each failure", estate.Deploy, services(service("a", estate.Stateless, deployed(pipeline.Terminal, "d1", 1, time.Hour), deployed(pipeline.Terminal, "d1", 2, time.Minute))),
			"hold step 6: deploy-failed until +1m0s"},
		{"again when it is time", estate.Deploy, services(service("a", estate.Stateless, deployed(pipeline.Terminal, "d1", 1, time.Minute))),
			"do step 6: deploying\n  deploy orbit/core/a [cutover.a.d1.2]"},
		{"never longer apart than a quarter of an hour", estate.Deploy, services(service("a", estate.Stateless,
			deployed(pipeline.Terminal, "d1", 1, time.Hour), deployed(pipeline.Terminal, "d1", 2, time.Hour), deployed(pipeline.Terminal, "d1", 3, time.Hour),
			deployed(pipeline.Terminal, "d1", 4, time.Hour), deployed(pipeline.Terminal, "d1", 5, time.Hour), deployed(pipeline.Terminal, "d1", 6, 0))), "hold step 6: deploy-failed until +15m0s"},
		{"a person's cancel stands", estate.Deploy, services(service("a", estate.Stateless, deployed(pipeline.Canceled, "d1", 1, time.Hour))), "hold step 6: deploy-failed"},
		{"until git names something else", estate.Deploy, services(service("a", estate.Stateless, deployed(pipeline.Canceled, "d0", 1, time.Hour))),
			"do step 6: deploying\n  deploy orbit/core/a [cutover.a.d1.2]"},
		{"somebody else's execution is waited for", estate.Deploy, services(service("a", estate.Stateless, func(s *evidence.Service) { s.Occupied = "X1" })), "hold step 6: deploying"},
		{"an unhealthy service takes no place", estate.Deploy, services(
			service("a", estate.Stateless, deployed(pipeline.Succeeded, "d1", 1, 0)), service("b", estate.Stateless, deployed(pipeline.Succeeded, "d1", 1, 0)), service("c", estate.Stateless)),
			"do step 6: deploying\n  deploy orbit/core/c [cutover.c.d1.1]"},
		{"an exclusive service in both clusters stops all", estate.Deploy, services(service("a", estate.Stateless), service("push", estate.Exclusive, func(s *evidence.Service) { s.Present = "Deployment/push" })), "hold step 6: exclusive-present"},
		{"a fix is deployed at once", estate.Deploy, services(service("a", estate.Stateless, deployed(pipeline.Terminal, "d0", 1, 0))),
			"do step 6: deploying\n  deploy orbit/core/a [cutover.a.d1.2]"},
		{"what cannot be rendered holds", estate.Deploy, services(service("a", estate.Stateless, func(s *evidence.Service) { s.Wanted, s.Blocked = "", "values.yaml:3" })),
			"hold step 6: service-blocked"},
		{"an unknown status is never an end", estate.Deploy, services(service("a", estate.Stateless, deployed("NEW_WORD", "d1", 1, 0))), "hold step 6: deploying"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, e := migration(tt.phase), marked(tt.phase)
			if tt.edit != nil {
				tt.edit(m, &e)
			}
			got := phase.Next(m, m.Marker, &e, t0)
			if diff := cmp.Diff(tt.want, transcript(got)); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
			if again := phase.Next(m, m.Marker, &e, t0); transcript(again) != transcript(got) {
				t.Errorf("the same evidence gave another decision:\n%s", transcript(again))
			}
			for _, a := range got.Actions {
				if a.Undo == "" {
					t.Errorf("%s %s does not say how to undo it", a.Verb, a.Target)
				}
			}
		})
	}
}

func unpinned(s *evidence.Service) { s.Pinned = estate.Version{} }

func services(list ...evidence.Service) func(*estate.Migration, *evidence.Evidence) {
	return func(_ *estate.Migration, e *evidence.Evidence) { e.Services = list }
}

func TestOverviewCountsServices(t *testing.T) {
	m, e := migration(estate.Deploy), marked(estate.Deploy)
	e.Services = []evidence.Service{
		service("web", estate.Stateless, isReady), service("match", estate.Singleton),
		service("api", estate.StatefulClient), service("push", estate.Exclusive),
	}
	for _, row := range phase.Overview(m, m.Marker, &e, t0) {
		if row.Number == 6 && (row.Done != 1 || row.Total != 3 || row.Complete) {
			t.Errorf("step 6 = %d of %d, complete %v; want 1 of 3, not complete", row.Done, row.Total, row.Complete)
		}
	}
}

func TestCorrelationRoundTrip(t *testing.T) {
	want := phase.Correlation{Service: estate.Must(estate.ParseServiceName("api")), Digest: "abc123", Number: 7}
	if got, ok := phase.ParseCorrelation(want.String()); !ok || got != want {
		t.Errorf("ParseCorrelation(%q) = %v, %v", want, got, ok)
	}
	for _, foreign := range []string{"", "cutover.api.abc", "cutover.API.abc.1", "cutover.api.abc.0", "cutover.api.abc.x", "other.api.abc.1", "cutover.api..1"} {
		if got, ok := phase.ParseCorrelation(foreign); ok {
			t.Errorf("ParseCorrelation(%q) = %v, want not ours", foreign, got)
		}
	}
}
