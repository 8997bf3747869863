package phase_test

import (
	"fmt"
	"strings"
	"time"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

var t0 = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// The markers of the tests' migration.
var (
	nowhere = estate.Marker{}
	prepare = estate.Marker{Phase: estate.Prepare}
	deploy  = estate.Marker{Phase: estate.Deploy}
	freeze  = estate.Marker{Phase: estate.Freeze}
	cutover = estate.Marker{Phase: estate.Cutover}
)

func canary(weight int) estate.Marker { return estate.Marker{Phase: estate.Canary, Weight: weight} }

func paused(at estate.Marker) estate.Marker {
	at.Paused = "the shop has a sale"
	return at
}

const (
	commit   = "0123456789abcdef" // of the marker that counts
	earlier  = "fedcba9876543210" // of the one before it
	bakeTime = 10 * time.Minute
	matcher  = `cluster="orbit-prod"`
)

// migration names something for every step.
func migration() *estate.Migration {
	most := 0.01
	return &estate.Migration{
		Name: estate.Must(estate.ParseMigrationName("eks")), Product: id("web").Product, Path: "migrations/eks", Branch: "migration/eks",
		From: estate.Side{Cluster: estate.Must(estate.ParseClusterName("orbit-prod")), Stack: estate.Must(estate.ParseStackName("prod"))},
		To:   estate.Side{Cluster: estate.Must(estate.ParseClusterName("orbit-prod2")), Stack: estate.Must(estate.ParseStackName("prod2"))},
		Trust: estate.Trust{
			Principal: "arn:aws:iam::123456789012:role/nodes.orbit-prod2",
			Roles:     []string{"orbit-events", "orbit-images"},
		},
		Parallel: 2,
		Smoke: []estate.Smoke{
			{Name: "main page", HTTP: &estate.SmokeHTTP{URL: "https://api.eks.orbit.example.com/healthz", Status: 200}},
			{Name: "devices", Approval: "core functions tried on test devices"},
		},
		Alarms: estate.Alarms{Matchers: []string{matcher}, AtMost: 24 * time.Hour},
		Edge: estate.Edge{
			Proxies: []string{"edge-1", "edge-2"}, Backend: "api", From: "old", To: "new",
			Steps:    []estate.EdgeStep{{Weight: 1, Bake: bakeTime}, {Weight: 5, Bake: bakeTime}, {Weight: 25, Bake: bakeTime}, {Weight: 100, Bake: bakeTime}},
			Analysis: []estate.Analysis{{Name: "error rate", Query: "errors", AtMost: &most}},
		},
		Singletons: []estate.Link{{
			Service: estate.Must(estate.ParseServiceName("match")), Clients: []estate.ServiceName{estate.Must(estate.ParseServiceName("api"))},
			Address: estate.Address{Secret: "api-match", Key: "MATCH_ADDR"},
		}},
	}
}

// before is the checkpoint before a marker.
func before(m *estate.Migration, at estate.Marker) estate.Marker {
	last := estate.Marker{}
	for _, c := range phase.Checkpoints(m) {
		if c.Phase > at.Phase || c.Phase == at.Phase && c.Weight >= at.Weight {
			break
		}
		last = c
	}
	return last
}

// complete is evidence of a migration that has done everything up to a marker.
func complete(m *estate.Migration, at estate.Marker) evidence.Evidence {
	target := phase.WantTarget(at, &evidence.Evidence{}, t0)
	e := evidence.Evidence{
		Marker: evidence.Marker{Commit: commit, Trailer: at.Phase.String(), Before: before(m, at), Reviewed: true},
		Survey: evidence.Survey{
			OldVersion: "v1.29.3", NewVersion: "v1.31.0-eks-1234", Nodes: 10, NodesReady: 9,
			Free: evidence.Resources{MilliCPU: 8000, Memory: 32 << 30, Pods: 100}, Needed: evidence.Resources{MilliCPU: 2500, Memory: 4 << 30, Pods: 20},
			Releases: []evidence.Release{{Release: estate.Release{Namespace: estate.Must(estate.ParseNamespaceName("mesh")), Name: "istiod"}, Healthy: true}},
		},
		Secrets:   evidence.Secrets{Paths: 4, Keys: 10},
		Roles:     []evidence.Role{{Name: "orbit-events", Trusts: true}, {Name: "orbit-images", Trusts: true}},
		Pipelines: []evidence.Pipeline{{ID: "1", Application: "api", Name: "deploy-prod2", State: evidence.PipelineSame}},
		Services: []evidence.Service{
			service("api", estate.StatefulClient, done), service("match", estate.Singleton, done),
			service("push", estate.Exclusive), service("web", estate.Stateless, done),
		},
		Freeze: evidence.Freeze{
			Pipelines: []evidence.FrozenPipeline{
				{ID: "11", Application: "api", Name: "deploy-prod", Service: id("api"), Frozen: at.Phase >= estate.Freeze},
				{ID: "12", Application: "web", Name: "deploy-prod", Service: id("web"), Frozen: at.Phase >= estate.Freeze},
			},
			Reviews: []evidence.FrozenReview{{Number: 7, Commit: "77777777", Services: []estate.ServiceID{id("web")}, Blocked: at.Phase >= estate.Freeze}},
		},
		Main:  evidence.Main{Head: "aaaaaaaa"},
		Links: []evidence.Link{{Singleton: id("match").Name, Client: id("api"), Secret: "api-match", Key: "MATCH_ADDR", Old: evidence.TargetOld, New: target, Mark: string(target), Pods: 3}},
		Edge:  evidence.Edge{Proxies: proxies(at.Weight)},
	}
	for _, step := range []int{7, 12} {
		for _, test := range m.Smoke {
			e.Smoke = append(e.Smoke, evidence.Smoke{Name: test.Name, Step: step, State: evidence.SmokePassed})
		}
	}
	if at.Phase == estate.Canary {
		e.Silences = []evidence.Silence{{ID: "s1", Matchers: []string{matcher}, Ends: t0.Add(20 * time.Hour)}}
		e.Edge.Bake = evidence.Bake{Commit: commit, Weight: at.Weight, Since: t0.Add(-time.Hour), Baseline: proxies(at.Weight), Good: at.Weight, Passed: true}
		e.Edge.Steady, e.Edge.SteadySince = proxies(at.Weight), t0.Add(-time.Hour)
	}
	return e
}

// proxies are two that show a weight.
func proxies(weight int) []evidence.Proxy {
	var out []evidence.Proxy
	for _, name := range []string{"edge-1", "edge-2"} {
		out = append(out, evidence.Proxy{
			Name: name, Started: t0.Add(-24 * time.Hour),
			From: evidence.Server{Name: "old", Weight: 100 - weight, Up: true, State: "UP"}, To: evidence.Server{Name: "new", Weight: weight, Up: true, State: "UP"},
		})
	}
	return out
}

// baking sets evidence to a weight that has baked for a while, after the one before it passed.
func baking(weight int, ago time.Duration) func(*estate.Migration, *evidence.Evidence) {
	return func(m *estate.Migration, e *evidence.Evidence) {
		e.Edge.Proxies = proxies(weight)
		e.Edge.Bake = evidence.Bake{Commit: commit, Weight: weight, Since: t0.Add(-ago), Baseline: proxies(weight), Good: before(m, canary(weight)).Weight}
		e.Edge.Checks = checks(evidence.Pass)
		e.Edge.Steady, e.Edge.SteadySince = proxies(weight), t0.Add(-ago)
	}
}

// checks are those that a weight has to pass.
func checks(v evidence.Verdict) []evidence.Check {
	return []evidence.Check{
		{Name: "edge errors", Verdict: evidence.Pass, Reason: "0.10% of 1000 requests failed"},
		{Name: "edge latency", Verdict: evidence.Pass, Reason: "20 ms on average"},
		{Name: "error rate", Verdict: v, Reason: "0.2 is measured"},
	}
}

func id(name string) estate.ServiceID {
	return estate.ServiceID{
		Product:   estate.Must(estate.ParseProductName("orbit")),
		Namespace: estate.Must(estate.ParseNamespaceName("core")),
		Name:      estate.Must(estate.ParseServiceName(name)),
	}
}

func version(s string) estate.Version { return estate.Must(estate.ParseVersion(s)) }

func service(name string, class estate.Class, edit ...func(*evidence.Service)) evidence.Service {
	s := evidence.Service{ID: id(name), Class: class, Wanted: "d1", Running: version("1.0"), Pinned: version("1.0")}
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

func done(s *evidence.Service) {
	deployed(pipeline.Succeeded, "d1", len(s.Deployments)+1, time.Hour)(s)
	s.Ready = true
}

func unpinned(s *evidence.Service) { s.Pinned = estate.Version{} }

// transcript prints a decision as a person would read it.
func transcript(d phase.Decision) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s step %d: %s", d.Kind, d.Step, d.Reason.Code)
	if !d.Until.IsZero() {
		fmt.Fprintf(&b, " until +%s", d.Until.Sub(t0))
	}
	for _, a := range d.Actions {
		b.WriteString("\n  " + line(a))
	}
	return b.String()
}

func line(a phase.Action) string {
	s := fmt.Sprintf("%s %s", a.Verb, a.Target)
	switch a.Verb {
	case phase.SetWeight:
		return fmt.Sprintf("%s to %d%% at %s", s, a.Weight, strings.Join(a.Items, ", "))
	case phase.BeginBake, phase.PassBake, phase.FailBake:
		return fmt.Sprintf("%s at %d%% [%s]", s, a.Weight, a.Key)
	case phase.CopySecrets:
		return fmt.Sprintf("%s: %s", s, strings.Join(a.Items, ", "))
	case phase.TrustPrincipal, phase.MergeMain:
		return s
	default:
		if a.Key != "" {
			s += " [" + a.Key + "]"
		}
		return s
	}
}

// scene is a named situation and what is decided in it.
type scene struct {
	name string
	at   estate.Marker
	edit func(*estate.Migration, *evidence.Evidence) // of a migration that has done everything up to the marker
	want string
}

func (s scene) set() (*estate.Migration, evidence.Evidence) {
	m := migration()
	e := complete(m, s.at)
	if s.edit != nil {
		s.edit(m, &e)
	}
	return m, e
}

func also(edits ...func(*estate.Migration, *evidence.Evidence)) func(*estate.Migration, *evidence.Evidence) {
	return func(m *estate.Migration, e *evidence.Evidence) {
		for _, edit := range edits {
			edit(m, e)
		}
	}
}

func with(f func(*evidence.Evidence)) func(*estate.Migration, *evidence.Evidence) {
	return func(_ *estate.Migration, e *evidence.Evidence) { f(e) }
}

func services(list ...evidence.Service) func(*estate.Migration, *evidence.Evidence) {
	return with(func(e *evidence.Evidence) { e.Services = list })
}

// edited changes one service of what is complete.
func edited(name string, f func(*evidence.Service)) func(*estate.Migration, *evidence.Evidence) {
	return with(func(e *evidence.Evidence) {
		for i := range e.Services {
			if e.Services[i].ID.Name.String() == name {
				f(&e.Services[i])
			}
		}
	})
}
