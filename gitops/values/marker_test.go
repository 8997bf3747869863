package values

import (
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/estate"
)

func TestMarkerFile(t *testing.T) {
	for name, tt := range map[string]struct {
		marker estate.Marker
		want   string
	}{
		"a phase":                                 {estate.Marker{Phase: estate.Freeze}, "phase: freeze\n"},
		"the canary always has its weight":        {estate.Marker{Phase: estate.Canary}, "phase: canary\nweight: 0\n"},
		"a weight":                                {estate.Marker{Phase: estate.Canary, Weight: 25}, "phase: canary\nweight: 25\n"},
		"a weight elsewhere is left out":          {estate.Marker{Phase: estate.Swap, Weight: 100}, "phase: swap\n"},
		"a pause":                                 {estate.Marker{Phase: estate.Canary, Weight: 5, Paused: "the mesh is upgraded"}, "phase: canary\nweight: 5\npaused: the mesh is upgraded\n"},
		"another attempt":                         {estate.Marker{Phase: estate.Canary, Weight: 5, Attempt: 2, Paused: "lunch"}, "phase: canary\nweight: 5\nattempt: 2\npaused: lunch\n"},
		"the first attempt is not counted":        {estate.Marker{Phase: estate.Deploy, Attempt: 1}, "phase: deploy\n"},
		"a reason that reads like something else": {estate.Marker{Phase: estate.Deploy, Paused: "yes"}, "phase: deploy\npaused: \"yes\"\n"},
		"a blank reason is none":                  {estate.Marker{Phase: estate.Deploy, Paused: " \n"}, "phase: deploy\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, string(MarkerFile(tt.marker))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestMarkerFileIsRead tries markers at random: the file has no problem and says what the marker says.
func TestMarkerFileIsRead(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	words := []string{
		"the mesh", "yes", "~", "null", "12", "0x1f", "1e3", ".inf", "2026-03-01", "2026-03-01T18:00:00Z", "a: b", "# not a comment", "- x", "'", `"`, "\\", "\n", "\r", "\t",
		"  ", "\u0085", "\u2028", "\ufeff", "\x00", "\x7f", "\xff", "é", "😀", "<<", "&a", "*a", "!!str", "%", "@", "`", "|", ">", "{", "[", "?", "...", "---",
	}
	fsys := example(t)
	var r Reader
	for range 500 {
		want := estate.Marker{Phase: estate.Phases()[random.IntN(len(estate.Phases()))]}
		if want.Phase == estate.Canary {
			want.Weight = []int{0, 1, 5, 25, 50, 100}[random.IntN(6)]
		}
		want.Attempt = []int{0, 0, 2, 3, 999}[random.IntN(5)]
		for range random.IntN(5) {
			want.Paused += words[random.IntN(len(words))]
		}
		file := MarkerFile(want)
		fsys["migrations/eks/phase.yaml"] = &fstest.MapFile{Data: file}
		e, problems := r.Read(fsys)
		if err := problems.Err(); err != nil {
			t.Fatalf("%v\n%q gives\n%s", err, want.Paused, file)
		}
		got := e.Migrations[0].Marker
		again := MarkerFile(got)
		if string(again) != string(file) {
			t.Fatalf("%s is read as %+v and written as %s", file, got, again)
		}
		if got.Phase != want.Phase || got.Weight != want.Weight || got.Attempt != want.Attempt || got.Paused != reason(want.Paused) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
		if alone, problems := ParseMarker("phase.yaml", file); problems.Err() != nil || alone != got {
			t.Fatalf("alone it is read as %+v, want %+v: %v", alone, got, problems)
		}
	}
}

// reason is what a file can hold of a reason.
func reason(s string) string {
	if s = strings.ToValidUTF8(s, "?"); strings.TrimSpace(s) == "" {
		return ""
	}
	return s
}

func TestExtensionsAreRead(t *testing.T) {
	fsys := example(t)
	spec := string(fsys["migrations/eks/migration.yaml"].Data)
	fsys["migrations/eks/migration.yaml"] = &fstest.MapFile{Data: []byte(spec + `
infrastructure:
  - {namespace: istio-system, release: istiod}
  - {namespace: kube-system, release: metrics-server.v2}
`)}
	fsys["migrations/eks/phase.yaml"] = &fstest.MapFile{Data: []byte("phase: freeze\npaused: the mesh is upgraded\n")}
	fsys["migrations/eks/break-glass.yaml"] = &fstest.MapFile{Data: []byte(`
- {service: reminder, by: Bob, reason: letters are late, until: "2026-03-01t20:00:00.5+01:00"}
- {service: api, by: Ada, reason: payments fail, until: 2026-03-01T18:00:00Z}
`)}
	e, problems := Read(fsys)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	m := e.Migrations[0]
	if diff := cmp.Diff([]estate.Release{
		{Namespace: estate.Must(estate.ParseNamespaceName("istio-system")), Name: "istiod"},
		{Namespace: estate.Must(estate.ParseNamespaceName("kube-system")), Name: "metrics-server.v2"},
	}, m.Infrastructure, cmp.Comparer(func(a, b estate.NamespaceName) bool { return a == b })); diff != "" {
		t.Errorf("infrastructure (-want +got):\n%s", diff)
	}
	if want := (estate.Marker{Phase: estate.Freeze, Paused: "the mesh is upgraded"}); m.Marker != want {
		t.Errorf("marker = %+v, want %+v", m.Marker, want)
	}
	want := []estate.BreakGlass{
		{Service: estate.Must(estate.ParseServiceName("api")), By: "Ada", Reason: "payments fail", Until: time.Date(2026, 3, 1, 18, 0, 0, 0, time.UTC)},
		{Service: estate.Must(estate.ParseServiceName("reminder")), By: "Bob", Reason: "letters are late", Until: time.Date(2026, 3, 1, 19, 0, 0, 5e8, time.UTC)},
	}
	if diff := cmp.Diff(want, m.Opened, cmp.Comparer(func(a, b estate.ServiceName) bool { return a == b })); diff != "" {
		t.Errorf("opened (-want +got):\n%s", diff)
	}
	if m.Edge.Auto {
		t.Error("auto is on by default")
	}
}
