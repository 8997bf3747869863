package reconciler_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cutover/gitops/estate"
	"cutover/reconciler/record"
)

// TestEveryMarkerIsTold merges two markers between two looks: the journal tells of both, and who merged them, once.
func TestEveryMarkerIsTold(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	for _, checkpoint := range []string{"prepare", "deploy", "freeze"} {
		tr.through(checkpoint)
	}
	before := len(tr.markers())
	if before != 3 {
		t.Fatalf("markers: %v, want three", tr.markers())
	}
	tr.back(estate.Marker{Phase: estate.Deploy})
	tr.back(estate.Marker{Phase: estate.Prepare})
	tr.pass()
	tr.restart()
	tr.pass()
	told := tr.markers()[before:]
	if len(told) != 2 || !strings.HasPrefix(told[0], "deploy ") || !strings.HasPrefix(told[1], "prepare ") {
		t.Fatalf("told of %v", told)
	}
	for _, line := range told {
		if !strings.HasSuffix(line, "merged by rita") {
			t.Errorf("%s: does not say who merged it", line)
		}
	}
}

// markers are the markers that the journal tells of, and how they came.
func (tr *trip) markers() []string {
	var out []string
	for _, e := range tr.w.Entries() {
		if e.Kind == record.Marker {
			out = append(out, fmt.Sprintf("%s %s", e.Marker, e.Reason))
		}
	}
	return slices.Clip(out)
}
