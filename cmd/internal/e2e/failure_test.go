package e2e

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/cmd/internal/lab/scenario"
	"cutover/gitops/estate"
)

// TestOneServiceFails breaks one of two stateless services: the other one becomes ready, the singleton that comes after
// them waits, and the commit that repairs it deploys it and what waited, and nothing again.
func TestOneServiceFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, values string
		code         string
		says         []string
		runs         int // executions of the service before it is repaired
	}{
		{
			"its deployment is refused", "resources: {requests: {cpu: 2}, limits: {cpu: 1}}",
			"deploy-failed", []string{"must be less than or equal to cpu limit"}, 1,
		},
		{
			"its values cannot be rendered", "prot: 8080",
			"service-blocked", []string{"values.yaml", "prot: unknown key"}, 0,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, nil)
			p.Schedule = "@every 1h" // the dry run of a full pass would find the first fault before the deployment
			p.mark(t, estate.Prepare)
			d := p.start(t)
			p.await(t, d, "phase prepare is complete", complete(estate.Prepare))
			p.edit(t, p.file("profile", "values.yaml"), "port: 8080", "port: 8080\n"+tt.values)
			p.mark(t, estate.Deploy)
			r := p.await(t, d, "the failure holds the step", func(r scenario.Report) bool {
				return r.Decision.Kind == "hold" && r.Decision.Reason.Code == tt.code
			})
			failed := service(t, r, "profile")
			for _, want := range append(tt.says, failed.Execution, p.core()+"/profile") {
				if !strings.Contains(r.Decision.Reason.Text, want) {
					t.Errorf("the reason is %q, want it to name %q", r.Decision.Reason.Text, want)
				}
			}
			if !service(t, r, "search").Ready {
				t.Error("search is not ready: a failure must not stop the others of its wave")
			}
			want := map[string]int{"profile": tt.runs, "search": 1, "match": 0, "api": 0, "reminder": 0, "sender": 0}
			if diff := cmp.Diff(want, p.executions(t)); diff != "" {
				t.Errorf("executions (-want +got):\n%s", diff)
			}
			p.edit(t, p.file("profile", "values.yaml"), tt.values, "podAnnotations: {repaired: \"yes\"}")
			p.await(t, d, "phase deploy is complete", complete(estate.Deploy))
			want = p.once()
			want["profile"] += tt.runs
			if diff := cmp.Diff(want, p.executions(t)); diff != "" {
				t.Errorf("executions after the repair (-want +got):\n%s", diff)
			}
		})
	}
}

func service(t *testing.T, r scenario.Report, name string) scenario.Service {
	t.Helper()
	for _, s := range r.Services {
		if s.Service.Name == name {
			return s
		}
	}
	t.Fatalf("the report has no service %s", name)
	return scenario.Service{}
}
