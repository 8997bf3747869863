package e2e

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/cmd/internal/lab/spinnaker"
	"cutover/gitops/estate"
)

// Requests to Gate, as paths.
const (
	saving     = `^/pipelines$`
	triggering = `^/pipelines/[^/]+/[^/]+$`
	listing    = `pipelineConfigs|^/executions`
)

// TestGateTrouble lets Gate fail in every way that it has been seen to fail while pipelines are saved and triggered:
// in the end each is there once and ran once.
func TestGateTrouble(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	for _, f := range []spinnaker.Fault{
		{Match: spinnaker.Match{PathRegexp: listing}, Times: 3, Do: spinnaker.Status, Status: http.StatusServiceUnavailable},
		{Match: spinnaker.Match{PathRegexp: listing}, Times: 2, Do: spinnaker.RedirectToLogin},
		{Match: spinnaker.Match{PathRegexp: listing}, Times: 2, Do: spinnaker.Empty200},
		{Match: spinnaker.Match{PathRegexp: listing}, Times: 2, Do: spinnaker.HTML200},
		{Match: spinnaker.Match{PathRegexp: listing}, Times: 4, Do: spinnaker.Latency, Latency: "500ms"},
		{Match: spinnaker.Match{Method: http.MethodPost, PathRegexp: saving}, Times: 3, Do: spinnaker.LostAnswer},
		{Match: spinnaker.Match{Method: http.MethodPost, PathRegexp: saving}, Times: 2, Do: spinnaker.Status, Status: http.StatusServiceUnavailable},
		{Match: spinnaker.Match{Method: http.MethodPost, PathRegexp: saving}, Times: 1, Do: spinnaker.Empty200},
		{Match: spinnaker.Match{Method: http.MethodPost, PathRegexp: saving}, Times: 1, Do: spinnaker.RedirectToLogin},
		{Match: spinnaker.Match{Method: http.MethodPost, PathRegexp: saving}, Times: 1, Do: spinnaker.StillRunning, Latency: "300ms"},
		{Match: spinnaker.Match{Method: http.MethodPost, PathRegexp: triggering}, Times: 2, Do: spinnaker.LostAnswer},
		{Match: spinnaker.Match{Method: http.MethodPost, PathRegexp: triggering}, Times: 1, Do: spinnaker.Status, Status: http.StatusServiceUnavailable},
		{Match: spinnaker.Match{Method: http.MethodPost, PathRegexp: triggering}, Times: 1, Do: spinnaker.Empty200},
		{Match: spinnaker.Match{Method: http.MethodPost, PathRegexp: triggering}, Times: 1, Do: spinnaker.RedirectToLogin},
		{Match: spinnaker.Match{Method: http.MethodPost, PathRegexp: triggering}, Times: 1, Do: spinnaker.Latency, Latency: "1s"},
		{Match: spinnaker.Match{Method: http.MethodPost, PathRegexp: triggering}, Times: 1, Do: spinnaker.LostAnswer},
	} {
		if err := p.gate.AddFault(f); err != nil {
			t.Fatal(err)
		}
	}
	p.mark(t, estate.Prepare, estate.Deploy)
	d := p.start(t)
	r := p.await(t, d, "phase deploy is complete", complete(estate.Deploy))
	t.Logf("%d passes", r.Pass.Number)
	p.checkPipelines(t)
	if diff := cmp.Diff(p.once(), p.executions(t)); diff != "" {
		t.Errorf("executions (-want +got):\n%s", diff)
	}
}
