package phase_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/invariant"
	"cutover/reconciler/phase"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// journey is a migration that is decided step by step. What the decisions wait for comes true, and time passes.
type journey struct {
	t       *testing.T
	m       *estate.Migration
	at      estate.Marker
	e       evidence.Evidence
	now     time.Time
	markers int
	address evidence.Target // that the copy is to hold
	log     strings.Builder
}

// begin is a migration of which nothing is done.
func begin(t *testing.T) *journey {
	j := &journey{t: t, m: migration(), now: t0}
	j.e = complete(j.m, nowhere)
	j.e.Marker = evidence.Marker{}
	j.e.Secrets.Different = []evidence.SecretDifference{{Path: "core/api-match", Key: "MATCH_ADDR", Kind: evidence.SecretMissing}, {Path: "core/web", Key: "TOKEN", Kind: evidence.SecretMissing}}
	j.e.Files = []evidence.File{{Path: "prod2-values.yaml", State: evidence.FileMissing}}
	j.e.Roles[0].Trusts, j.e.Roles[1].Trusts = false, false
	j.e.Pipelines[0].State = evidence.PipelineMissing
	j.e.Namespaces = []estate.NamespaceName{estate.Must(estate.ParseNamespaceName("core"))}
	for i := range j.e.Services {
		s := &j.e.Services[i]
		s.Deployments, s.Ready, s.Pinned = nil, false, estate.Version{}
	}
	for i := range j.e.Smoke {
		j.e.Smoke[i].State = evidence.SmokeDue
	}
	j.e.Links[0].New, j.e.Links[0].Pods = evidence.TargetUnknown, 0
	return j
}

// move merges the next marker.
func (j *journey) move(to estate.Marker) {
	j.markers++
	j.e.Marker = evidence.Marker{Commit: fmt.Sprintf("c%d", j.markers), Trailer: to.Phase.String(), Before: j.at, Reviewed: true}
	j.at = to
	j.readdress()
	fmt.Fprintf(&j.log, "\n# %s\n", phase.Title(to))
}

// want is which singleton the new cluster's clients are to talk to.
func (j *journey) want() evidence.Target { return phase.WantTarget(j.at, &j.e, j.now) }

// readdress lets the copy differ once it is to hold another address.
func (j *journey) readdress() {
	if want := j.want(); want != j.address && j.address != "" {
		j.e.Secrets.Different = append(j.e.Secrets.Different, evidence.SecretDifference{Path: "core/api-match", Key: "MATCH_ADDR", Kind: evidence.SecretStale})
	}
	j.address = j.want()
}

// run goes on until the marker is reached, or cannot be.
func (j *journey) run() phase.Decision {
	j.t.Helper()
	for range 500 {
		j.readdress()
		d := phase.Next(j.m, j.at, &j.e, j.now)
		judge(j.t, d)
		j.tell(d)
		switch d.Kind {
		case phase.Do, phase.Retreat:
			for _, a := range d.Actions {
				j.obey(a)
			}
		case phase.Hold:
			if !j.wait(d) {
				return d
			}
		case phase.Advance, phase.Refuse:
			return d
		}
	}
	j.t.Fatalf("no end at %s:\n%s", j.at, j.log.String())
	return phase.Decision{}
}

func (j *journey) tell(d phase.Decision) {
	fmt.Fprintf(&j.log, "%s %s %s: %s\n", clock(j.now), d.Kind, d.Reason.Code, d.Reason.Text)
	for _, a := range d.Actions {
		fmt.Fprintf(&j.log, "      %2d %s\n", a.Step, line(a))
	}
}

func clock(now time.Time) string { return now.Format("15:04:05") }

// obey does an action, which no invariant may forbid, and which must leave alone what it was given.
func (j *journey) obey(a phase.Action) {
	j.t.Helper()
	was := j.e
	after := phase.After(j.m, j.at, &j.e, a, j.now)
	if !reflect.DeepEqual(was, j.e) {
		j.t.Errorf("%s %s changed the evidence it was given", a.Verb, a.Target)
	}
	broken, would := invariant.Check(j.m, j.at, &j.e, j.now), invariant.Check(j.m, j.at, &after, j.now)
	if !invariant.Allows(broken, would, phase.Risks(a, &j.e)) || len(invariant.NotOurs(&j.e, &after)) > 0 {
		j.t.Errorf("at %s the invariants do not allow %s: before %v, after %v\n%s", j.at, line(a), broken, would, j.log.String())
	}
	j.e = after
	if a.Verb == phase.Deploy && a.Service == id("api") {
		j.e.Links[0].Pods = 3
		j.e.Links[0].New = j.want()
	}
	if a.Verb == phase.CopySecrets && j.e.Links[0].New != j.want() {
		fmt.Fprintf(&j.log, "         (secret-sync takes a minute)\n")
	}
}

// wait lets come true what a decision waits for.
func (j *journey) wait(d phase.Decision) bool {
	switch d.Reason.Code {
	case phase.SmokeApproval:
		for i := range j.e.Smoke {
			if j.e.Smoke[i].Step == d.Step {
				j.e.Smoke[i].State = evidence.SmokePassed
			}
		}
	case phase.SecretSyncLag:
		l := &j.e.Links[0]
		l.New, l.Mark, l.Stale = j.want(), string(j.want()), l.Pods
	case phase.Baking:
		j.e.Edge.Checks = checks(evidence.Pass)
		d.Until = j.e.Edge.Bake.Since.Add(bakeTime)
		j.e.Edge.Steady, j.e.Edge.SteadySince = slices.Clone(j.e.Edge.Proxies), j.e.Edge.Bake.Since
	case phase.ShareUnknown:
		j.e.Edge.Steady, j.e.Edge.SteadySince = slices.Clone(j.e.Edge.Proxies), j.now.Add(-time.Minute)
	default:
		return false
	}
	if d.Until.After(j.now) {
		j.now = d.Until
	}
	return true
}

// stands compares the world with what the marker asks for.
func (j *journey) stands() {
	j.t.Helper()
	for _, p := range j.e.Edge.Proxies {
		if p.To.Weight != j.at.Weight {
			j.t.Errorf("%s: %s has %d%%", j.at, p.Name, p.To.Weight)
		}
	}
	if silenced := len(j.e.Silences) > 0; silenced != (j.at.Phase == estate.Canary) {
		j.t.Errorf("%s: %d silences", j.at, len(j.e.Silences))
	}
	for _, p := range j.e.Freeze.Pipelines {
		if p.Frozen != (j.at.Phase >= estate.Freeze) {
			j.t.Errorf("%s: %s frozen: %v", j.at, p.Name, p.Frozen)
		}
	}
	if l := j.e.Links[0]; l.Pods > 0 && (l.New != j.want() || l.Stale > 0) {
		j.t.Errorf("%s: %d of %d Pods stale, address %s", j.at, l.Stale, l.Pods, l.New)
	}
	if broken := invariant.Check(j.m, j.at, &j.e, j.now); len(broken) > 0 {
		j.t.Errorf("%s: %v", j.at, broken)
	}
}

// reach goes through every checkpoint up to one.
func (j *journey) reach(to estate.Marker) {
	j.t.Helper()
	for j.at != to {
		next, ok := phase.Following(j.m, j.at)
		if !ok {
			j.t.Fatalf("%s is not to be reached", to)
		}
		j.move(next)
		if d := j.run(); d.Kind != phase.Advance {
			j.t.Fatalf("%s ends with %s\n%s", j.at, transcript(d), j.log.String())
		}
		j.stands()
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); -update rewrites it:\n%s", path, diff)
	}
}

func TestMigration(t *testing.T) {
	j := begin(t)
	j.reach(canary(25))

	fmt.Fprintf(&j.log, "\n## a developer's fix goes through break-glass\n")
	j.e.Freeze.Opened = []estate.BreakGlass{{Service: id("web").Name, By: "kim", Reason: "checkout is broken", Until: j.now.Add(time.Hour)}}
	j.run()
	j.e.Services[3].Running = version("1.1")
	j.e.Main.Behind, j.e.Main.Take = 1, []string{"deploy-values/orbit/core/web/values.yaml"}
	j.run()
	j.now = j.now.Add(time.Hour)
	j.run()
	j.stands()

	fmt.Fprintf(&j.log, "\n## all traffic, and a check fails\n")
	j.move(canary(100))
	j.now = j.now.Add(time.Minute)
	for range 10 {
		if j.e.Edge.Bake.Weight == 100 && j.e.Edge.Bake.Begun() {
			break
		}
		d := phase.Next(j.m, j.at, &j.e, j.now)
		j.tell(d)
		for _, a := range d.Actions {
			j.obey(a)
		}
	}
	j.e.Edge.Checks = checks(evidence.Fail)
	if d := j.run(); d.Reason.Code != phase.WeightFailed {
		t.Errorf("a failed check ends with %s", transcript(d))
	}

	fmt.Fprintf(&j.log, "\n## a pause and its end are no other attempt\n")
	j.move(paused(canary(100)))
	j.run()
	j.move(canary(100))
	if d := j.run(); d.Reason.Code != phase.WeightFailed {
		t.Errorf("after a pause the weight is tried again: %s", transcript(d))
	}

	fmt.Fprintf(&j.log, "\n## tried again\n")
	j.move(phase.Again(canary(100)))
	j.run()
	j.stands()

	fmt.Fprintf(&j.log, "\n## it fails after it has passed\n")
	j.e.Edge.Checks = checks(evidence.Fail)
	if d := j.run(); d.Reason.Code != phase.WeightFailed || j.e.Edge.Proxies[0].To.Weight != 25 {
		t.Errorf("a failure after the weight has passed ends with %s", transcript(d))
	}
	j.move(phase.Again(j.at))
	j.run()
	j.stands()

	fmt.Fprintf(&j.log, "\n## a proxy reloads\n")
	j.e.Edge.Proxies[1].To.Weight, j.e.Edge.Proxies[1].From.Weight = 0, 100
	j.run()
	j.stands()

	fmt.Fprintf(&j.log, "\n## and back to the beginning\n")
	j.move(deploy)
	j.run()
	j.stands()
	golden(t, "migration.txt", j.log.String())
}

func TestRollbackFromEveryCheckpointToEveryEarlierOne(t *testing.T) {
	list := phase.Checkpoints(migration())
	for i, from := range list {
		for _, to := range list[:i] {
			t.Run(fmt.Sprintf("from %s to %s", from, to), func(t *testing.T) {
				j := begin(t)
				j.reach(from)
				j.move(to)
				if d := j.run(); d.Kind != phase.Advance {
					t.Fatalf("ends with %s\n%s", transcript(d), j.log.String())
				}
				j.stands()
				j.reach(from) // and forward again
			})
		}
	}
}

func TestRollbackInTheMiddleOfEverything(t *testing.T) {
	for _, to := range []estate.Marker{prepare, deploy, freeze, canary(1)} {
		for stop := range 60 {
			j := begin(t)
			j.reach(to)
			forward, _ := phase.Following(j.m, to)
			j.move(forward)
			for range stop { // so many effects, and then the marker goes back
				d := phase.Next(j.m, j.at, &j.e, j.now)
				if d.Kind == phase.Hold {
					j.wait(d)
				}
				for _, a := range d.Actions {
					j.obey(a)
				}
			}
			j.move(to)
			if d := j.run(); d.Kind != phase.Advance {
				t.Fatalf("back to %s after %d: %s\n%s", to, stop, transcript(d), j.log.String())
			}
			j.stands()
		}
	}
}

func TestSomebodyUndoesALevelByHand(t *testing.T) {
	edits := map[string]func(*evidence.Evidence){
		"weight":   func(e *evidence.Evidence) { e.Edge.Proxies[0].To.Weight, e.Edge.Proxies[0].From.Weight = 50, 50 },
		"silence":  func(e *evidence.Evidence) { e.Silences = nil },
		"freeze":   func(e *evidence.Evidence) { e.Freeze.Pipelines[0].Frozen, e.Freeze.Pipelines[0].Tampered = false, true },
		"review":   func(e *evidence.Evidence) { e.Freeze.Reviews[0].Blocked = false },
		"pipeline": func(e *evidence.Evidence) { e.Pipelines[0].State = evidence.PipelineDiffers },
		"file":     func(e *evidence.Evidence) { e.Files = []evidence.File{{Path: "a", State: evidence.FileDiffers}} },
		"role":     func(e *evidence.Evidence) { e.Roles[0].Trusts = false },
		"service":  func(e *evidence.Evidence) { e.Services[0].Wanted = "d9" },
		"address":  func(e *evidence.Evidence) { e.Links[0].Stale = 2 },
		"secret": func(e *evidence.Evidence) {
			e.Secrets.Different = []evidence.SecretDifference{{Path: "core/web", Key: "TOKEN", Kind: evidence.SecretDiffers}}
		},
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			j := begin(t)
			j.reach(canary(5))
			edit(&j.e)
			if d := j.run(); d.Kind != phase.Advance {
				t.Fatalf("ends with %s\n%s", transcript(d), j.log.String())
			}
			j.stands()
		})
	}
}

func TestEdgeThatGoesOnByItself(t *testing.T) {
	j := begin(t)
	j.m.Edge.Auto = true
	j.reach(freeze)
	j.move(canary(100))
	if d := j.run(); d.Kind != phase.Advance {
		t.Fatalf("ends with %s\n%s", transcript(d), j.log.String())
	}
	j.stands()
	var weights []string
	for l := range strings.Lines(j.log.String()) {
		if i := strings.Index(l, "set-weight api to "); i >= 0 {
			weights = append(weights, strings.Fields(l[i:])[3])
		}
	}
	if want := []string{"1%", "5%", "25%", "100%"}; !slices.Equal(weights, want) {
		t.Errorf("weights %v, want each step once: %v", weights, want)
	}
}

func TestCrashAtEveryEffectLeavesTheSameEnd(t *testing.T) {
	// A crash loses what is in memory, and Next has none: a decision of which only the first action was done is the worst
	// that can happen.
	j := begin(t)
	for _, to := range phase.Checkpoints(j.m) {
		j.move(to)
		for range 500 {
			d := phase.Next(j.m, j.at, &j.e, j.now)
			if d.Kind == phase.Hold && !j.wait(d) || d.Kind == phase.Refuse {
				t.Fatalf("%s ends with %s\n%s", to, transcript(d), j.log.String())
			}
			if d.Kind == phase.Advance {
				break
			}
			for _, a := range d.Actions[:min(1, len(d.Actions))] {
				j.obey(a)
			}
		}
		j.stands()
	}
}

func TestPipelinesThatGitNamesNoMoreGo(t *testing.T) {
	m, e := scene{at: prepare, edit: with(func(e *evidence.Evidence) {
		e.Pipelines = append(e.Pipelines, evidence.Pipeline{ID: "2", Application: "old", Name: "deploy-prod2", State: evidence.PipelineObsolete})
	})}.set()
	d := phase.Next(m, prepare, &e, t0)
	after := phase.After(m, prepare, &e, d.Actions[0], t0)
	if len(after.Pipelines) != 1 || !phase.Risks(d.Actions[0], &e) {
		t.Errorf("after %s: %+v", line(d.Actions[0]), after.Pipelines)
	}
}

func TestPlanIsWhatIsDone(t *testing.T) {
	j := begin(t)
	for _, to := range phase.Checkpoints(j.m) {
		var planned, obeyed []string
		next := j.e
		next.Marker = evidence.Marker{Commit: fmt.Sprintf("c%d", j.markers+1), Trailer: to.Phase.String(), Before: j.at, Reviewed: true}
		for _, step := range phase.Plan(j.m, to, &next, j.now) {
			if step.Stops {
				t.Errorf("the plan of %s stops at %s: %s", to, step.Code, step.Wait)
			}
			if step.Action.Verb != "" {
				planned = append(planned, line(step.Action))
			}
		}
		from := j.log.Len()
		j.reach(to)
		for l := range strings.Lines(j.log.String()[from:]) {
			if strings.HasPrefix(l, "      ") && !strings.HasPrefix(l, "         (") {
				obeyed = append(obeyed, strings.TrimSuffix(l[9:], "\n"))
			}
		}
		if diff := cmp.Diff(planned, obeyed); diff != "" {
			t.Errorf("%s (-planned +done):\n%s", to, diff)
		}
	}
}

func TestPlanOfAProposedMarker(t *testing.T) {
	m := migration()
	e := complete(m, deploy)
	e.Freeze.Pipelines = e.Freeze.Pipelines[:1]
	var got []string
	for _, step := range phase.Plan(m, freeze, &e, t0) {
		if step.Action.Verb == "" {
			got = append(got, fmt.Sprintf("%d wait: %s", step.Step, step.Code))
			continue
		}
		got = append(got, fmt.Sprintf("%d %s", step.Step, line(step.Action)))
	}
	want := []string{
		"2 copy-secrets orbit-prod2: core/api-match",
		"8 freeze-pipeline api/deploy-prod [11]", "8 block-review #7 [77777777]",
		"11 wait: secret-sync-lag", "11 restart-client orbit/core/api [old]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	e.Main.Conflicts = []evidence.Conflict{{Path: "values.yaml"}}
	plan := phase.Plan(m, freeze, &e, t0)
	if last := plan[len(plan)-1]; !last.Stops || last.Code != phase.MainConflict {
		t.Errorf("a conflict is for a person, and the plan goes on: %+v", last)
	}
}

func TestDeploymentsOfAWaveEndTogether(t *testing.T) {
	m, e := scene{at: deploy, edit: edited("web", deployed(pipeline.Running, "d2", 2, 0))}.set()
	plan := phase.Plan(m, deploy, &e, t0)
	if !slices.ContainsFunc(plan, func(s phase.PlanStep) bool { return s.Code == phase.Deploying }) {
		t.Errorf("the plan does not wait for what runs: %+v", plan)
	}
}

// TestPlanOfARollback: a phase that begins again is tested again.
func TestPlanOfARollback(t *testing.T) {
	m := migration()
	e := complete(m, canary(5))
	e.Marker = evidence.Marker{Commit: "back", Trailer: "freeze", Before: canary(5), Reviewed: true}
	var got []string
	for _, step := range phase.Plan(m, freeze, &e, t0) {
		if step.Step == 12 {
			got = append(got, string(step.Action.Verb)+string(step.Code))
		}
		if step.Step == 7 {
			t.Errorf("what is not begun again is tested: %+v", step)
		}
	}
	if want := []string{"run-smoke", "smoke-approval"}; !slices.Equal(slices.Compact(got), want) {
		t.Errorf("of step 12 it has %v, want %v", got, want)
	}
}
