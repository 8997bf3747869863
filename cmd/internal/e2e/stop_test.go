package e2e

import (
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cutover/cmd/internal/lab/scenario"
	"cutover/gitops/estate"
)

// TestStop asks the daemon to end in the middle of deployments: it does so at once and without an error, and the next
// start goes on. Health and metrics are answered all the while.
func TestStop(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	p.mark(t, estate.Prepare, estate.Deploy)
	d := p.start(t)
	p.await(t, d, "a service is being deployed", func(r scenario.Report) bool {
		for _, s := range r.Services {
			if s.Execution != "" && !s.Ready {
				return true
			}
		}
		return false
	})
	_, text := get(t, d, "/metrics")
	for name, least := range map[string]float64{
		"cutover_renders_total": 4, "cutover_pipelines_saved_total": 6, "cutover_deployments_total": 1,
		"cutover_pipelines_deleted_total": 0, "cutover_objects_written_total": 0, "cutover_objects_pruned_total": 0,
		"cutover_passes_failed_total": 0, "go_goroutines": 1, "process_start_time_seconds": 1,
	} {
		if got, ok := metric(text, name); !ok || got < least {
			t.Errorf("metric %s is %v (there: %t), want at least %v", name, got, ok, least)
		}
	}
	asked := time.Now()
	if err := d.Stop(); err != nil {
		t.Errorf("the daemon did not end well: %v\n%s", err, p.log)
	}
	took := time.Since(asked)
	t.Logf("ended after %s", took.Round(time.Millisecond))
	if took > soon {
		t.Errorf("it took %s to end", took)
	}

	d = p.start(t)
	p.await(t, d, "phase deploy is complete", complete(estate.Deploy))
	checkAlive(t, d)
	p.checkPipelines(t)
	if diff := cmp.Diff(p.once(), p.executions(t)); diff != "" {
		t.Errorf("executions (-want +got):\n%s", diff)
	}
}

// metric reads a metric without labels.
func metric(text, name string) (float64, bool) {
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(text)
	if found == nil {
		return 0, false
	}
	value, err := strconv.ParseFloat(found[1], 64)
	return value, err == nil
}
