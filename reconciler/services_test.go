package reconciler

import (
	"testing"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

// TestAFailedExecutionIsLinked follows an execution from Spinnaker to the comment.
func TestAFailedExecutionIsLinked(t *testing.T) {
	x := pipeline.Execution{Application: "web shop", ID: "01J", Status: pipeline.Terminal, Reason: "no such image"}
	id := estate.ServiceID{
		Product: estate.Must(estate.ParseProductName("orbit")), Namespace: estate.Must(estate.ParseNamespaceName("web")), Name: estate.Must(estate.ParseServiceName("shop")),
	}
	for ui, want := range map[string]string{
		"":                          "orbit/web/shop: execution 01J TERMINAL: no such image",
		"https://deck.example.com/": "orbit/web/shop: execution [01J](https://deck.example.com/#/applications/web%20shop/executions/details/01J) TERMINAL: no such image",
	} {
		r := &Reconciler{Config: Config{SpinnakerUI: ui}}
		e := evidence.Evidence{Services: []evidence.Service{{ID: id, Deployments: []evidence.Deployment{r.asDeployment(phase.Correlation{}, x)}}}}
		if got := failures(&e); len(got) != 1 || got[0] != want {
			t.Errorf("with the pages at %q it says %q, want %q", ui, got, want)
		}
	}
}
