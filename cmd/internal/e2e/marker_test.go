package e2e

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/cmd/internal/lab/scenario"
)

// TestMarkersThatDoNotCount pushes markers that must move nothing.
func TestMarkersThatDoNotCount(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, message, marker string
		reviewed              bool
		code                  string // of the refusal
		says                  string
	}{
		{"no trailer", "Begin", "phase: prepare\n", false, "marker-trailer", "Cutover-Phase: prepare"},
		{"trailer of another phase", "Begin\n\nCutover-Phase: deploy", "phase: prepare\n", false, "marker-trailer", "Cutover-Phase: prepare"},
		{"skips prepare", "Begin\n\nCutover-Phase: deploy", "phase: deploy\n", false, "marker-skips", "skips a checkpoint"},
		{"unknown phase", "Begin\n\nCutover-Phase: deplyo", "# where we stand\nphase: deplyo\n", false, "phase-unknown", "phase.yaml:2: "},
		{"pushed", "Begin\n\nCutover-Phase: prepare", "phase: prepare\n", true, "marker-pushed", "by a merged pull request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, nil)
			p.Reviewed = tt.reviewed
			commit := p.push(t, tt.message, p.migration.MarkerPath(), tt.marker)
			before := p.look(t)
			d := p.start(t)
			r := p.await(t, d, "the marker is refused", func(r scenario.Report) bool {
				return r.Commit == commit && (r.Decision.Kind == "refuse" || r.Error != "")
			})
			if r.Decision.Reason.Code != tt.code {
				t.Errorf("refused with %q, want %q", r.Decision.Reason.Code, tt.code)
			}
			if says := r.Decision.Reason.Text + r.Error; !strings.Contains(says, tt.says) {
				t.Errorf("the daemon says %q, want %q", says, tt.says)
			}
			if err := d.Stop(); err != nil { // in the middle of nothing
				t.Error(err)
			}
			if diff := cmp.Diff(before, p.look(t)); diff != "" {
				t.Errorf("something moved (-before +now):\n%s", diff)
			}
		})
	}
}
