package invariant_test

import (
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
)

var (
	now     = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	prepare = estate.Marker{Phase: estate.Prepare}
	deploy  = estate.Marker{Phase: estate.Deploy}
	freeze  = estate.Marker{Phase: estate.Freeze}
	canary  = estate.Marker{Phase: estate.Canary, Weight: 5}
)

func id(name string) estate.ServiceID {
	return estate.ServiceID{
		Product:   estate.Must(estate.ParseProductName("orbit")),
		Namespace: estate.Must(estate.ParseNamespaceName("core")),
		Name:      estate.Must(estate.ParseServiceName(name)),
	}
}

func version(s string) estate.Version { return estate.Must(estate.ParseVersion(s)) }

func migration() *estate.Migration {
	return &estate.Migration{
		Product: id("web").Product, Branch: "migration/eks", To: estate.Side{Stack: estate.Must(estate.ParseStackName("prod2"))},
		Alarms: estate.Alarms{Matchers: []string{`cluster="orbit-prod"`}, AtMost: time.Hour},
		Edge:   estate.Edge{Backend: "api"},
	}
}

// whole is evidence of 5% of the traffic at a new cluster in which all is well.
func whole() evidence.Evidence {
	var e evidence.Evidence
	for _, s := range []struct {
		name  string
		class estate.Class
	}{{"api", estate.StatefulClient}, {"match", estate.Singleton}, {"push", estate.Exclusive}, {"web", estate.Stateless}} {
		svc := evidence.Service{ID: id(s.name), Class: s.class, Running: version("1.0"), Pinned: version("1.0"), Wanted: "d1"}
		if s.class != estate.Exclusive {
			svc.Ready, svc.Deployments = true, []evidence.Deployment{{Digest: "d1", Number: 1, Status: pipeline.Succeeded}}
		}
		e.Services = append(e.Services, svc)
	}
	for _, name := range []string{"edge-1", "edge-2"} {
		e.Edge.Proxies = append(e.Edge.Proxies, evidence.Proxy{Name: name, From: evidence.Server{Weight: 95}, To: evidence.Server{Weight: 5}})
	}
	e.Edge.Bake = evidence.Bake{Commit: "c1", Weight: 5, Since: now.Add(-time.Minute), Baseline: slices.Clone(e.Edge.Proxies)}
	e.Links = []evidence.Link{{Singleton: id("match").Name, Client: id("api"), Old: evidence.TargetOld, New: evidence.TargetOld, Pods: 3}}
	e.Freeze.Pipelines = []evidence.FrozenPipeline{{Application: "web", Name: "deploy-prod", Service: id("web"), Frozen: true}}
	e.Silences = []evidence.Silence{{ID: "s1", Matchers: []string{`cluster="orbit-prod"`}, Ends: now.Add(time.Hour)}}
	e.Pipelines = []evidence.Pipeline{{Application: "a", Name: "p"}, {Application: "b", Name: "p"}, {Application: "c", Name: "p"}, {Application: "d", Name: "p"}, {Application: "e", Name: "p"}}
	return e
}

func noTraffic(e *evidence.Evidence) {
	for i := range e.Edge.Proxies {
		e.Edge.Proxies[i].From.Weight, e.Edge.Proxies[i].To.Weight = 100, 0
	}
}

func TestCheck(t *testing.T) {
	opened := []estate.BreakGlass{{Service: id("web").Name, Until: now.Add(time.Hour)}}
	tests := []struct {
		name string
		at   estate.Marker
		edit func(*evidence.Evidence)
		want []string // name: objects
	}{
		{"all is well", canary, func(*evidence.Evidence) {}, nil},

		{"an exclusive service in both clusters", prepare, func(e *evidence.Evidence) { e.Silences, e.Services[2].OldPods, e.Services[2].NewPods = nil, 1, 1 }, []string{"exclusive: orbit/core/push"}},
		{"in one cluster", canary, func(e *evidence.Evidence) { e.Services[2].NewPods = 2 }, nil},
		{"other classes may be in both", canary, func(e *evidence.Evidence) { e.Services[3].OldPods, e.Services[3].NewPods = 1, 1 }, nil},

		{"a client talks to another singleton", canary, func(e *evidence.Evidence) { e.Links[0].New = evidence.TargetNew }, []string{"singleton: orbit/core/api"}},
		{"some of its Pods do", canary, func(e *evidence.Evidence) { e.Links[0].Stale = 1 }, []string{"singleton: orbit/core/api"}},
		{"without traffic they may", canary, func(e *evidence.Evidence) { noTraffic(e); e.Links[0].New = evidence.TargetNew }, nil},
		{"without Pods nobody does", canary, func(e *evidence.Evidence) { e.Links[0].Pods, e.Links[0].New = 0, evidence.TargetUnknown }, nil},

		{"a service that gets traffic is not ready", canary, func(e *evidence.Evidence) { e.Services[3].Ready = false }, []string{"traffic: orbit/core/web"}},
		{"without traffic it need not be", canary, func(e *evidence.Evidence) { noTraffic(e); e.Services[3].Ready = false }, nil},
		{"weights do not sum to 100", canary, func(e *evidence.Evidence) { e.Edge.Proxies[1].From.Weight = 100 }, []string{"traffic: edge-2"}},
		{"proxies have different weights", canary, func(e *evidence.Evidence) { e.Edge.Proxies[1].From.Weight, e.Edge.Proxies[1].To.Weight = 100, 0 }, []string{"traffic: edge-1 edge-2"}},
		{"of one that does not answer nothing is known", canary, func(e *evidence.Evidence) {
			e.Edge.Proxies[1] = evidence.Proxy{Name: "edge-2", Unreachable: "timeout"}
		}, nil},
		{"the share disagrees", canary, func(e *evidence.Evidence) {
			e.Edge.Steady = slices.Clone(e.Edge.Proxies)
			e.Edge.Proxies[0].To.Sessions, e.Edge.Proxies[0].From.Sessions = 500, 500
		}, []string{"traffic: api"}},

		{"the old cluster runs another version", canary, func(e *evidence.Evidence) { e.Services[2].Running = version("1.1") }, []string{"parity: orbit/core/push"}},
		{"it cannot be read which version the old cluster runs", canary, func(e *evidence.Evidence) { e.Services[2].Running = estate.Version{} }, []string{"parity: orbit/core/push"}},
		{"unless break-glass let it", canary, func(e *evidence.Evidence) { e.Services[3].Running, e.Freeze.Opened = version("1.1"), opened }, nil},
		{"as long as it lasts", canary, func(e *evidence.Evidence) {
			e.Services[3].Running = version("1.1")
			e.Freeze.Opened = []estate.BreakGlass{{Service: id("web").Name, Until: now}}
		}, []string{"parity: orbit/core/web"}},
		{"the new cluster lacks what git names", canary, func(e *evidence.Evidence) { e.Services[3].Wanted = "d2" }, []string{"parity: orbit/core/web"}},
		{"before canary it may", freeze, func(e *evidence.Evidence) { noTraffic(e); e.Silences, e.Services[3].Wanted = nil, "d2" }, nil},
		{"the base branch changed", canary, func(e *evidence.Evidence) { e.Main.Behind, e.Main.Take = 1, []string{"web/values.yaml"} }, []string{"parity: migration/eks web/values.yaml"}},
		{"by break-glass", canary, func(e *evidence.Evidence) {
			e.Main.Behind, e.Main.Take, e.Freeze.Opened = 1, []string{"deploy-values/orbit/core/web/prod-values.yaml"}, opened
			e.Files = []evidence.File{{Path: "deploy-values/orbit/core/web/prod2-values.yaml"}}
		}, nil},
		{"which lets nothing else through", canary, func(e *evidence.Evidence) {
			e.Main.Behind, e.Freeze.Opened = 2, opened
			e.Main.Take = []string{"deploy-values/orbit/core/api/values.yaml", "deploy-values/orbit/core/web/values.yaml"}
			e.Main.Conflicts = []evidence.Conflict{{Path: "cutover.yaml"}, {Path: "deploy-values/orbit/core/web/service.yaml"}}
			e.Files = []evidence.File{{Path: "deploy-values/orbit/core/api/prod2-values.yaml"}, {Path: "migrations/eks/stacks.yaml"}}
		}, []string{"parity: deploy-values/orbit/core/api/prod2-values.yaml migrations/eks/stacks.yaml", "parity: cutover.yaml deploy-values/orbit/core/api/values.yaml migration/eks"}},
		{"nor what is only named like it", canary, func(e *evidence.Evidence) {
			e.Freeze.Opened = opened
			e.Files = []evidence.File{{Path: "deploy-values/orbit/core/webs/a"}, {Path: "deploy-values/orbit/web/api/a"}, {Path: "deploy-values/other/core/web/a"}, {Path: "web/values.yaml"}}
		}, []string{"parity: deploy-values/orbit/core/webs/a deploy-values/orbit/web/api/a deploy-values/other/core/web/a web/values.yaml"}},
		{"while it lasts, commits without a path are let through", canary, func(e *evidence.Evidence) { e.Main.Behind, e.Freeze.Opened = 1, opened }, nil},
		{"otherwise they are not", canary, func(e *evidence.Evidence) { e.Main.Behind = 1 }, []string{"parity: migration/eks"}},
		{"generated files are pending", canary, func(e *evidence.Evidence) { e.Files = []evidence.File{{Path: "a"}} }, []string{"parity: a"}},

		{"the copy lacks a secret", deploy, func(e *evidence.Evidence) {
			e.Silences = nil
			e.Secrets.Different = []evidence.SecretDifference{{Path: "core/web", Kind: evidence.SecretMissing}, {Path: "core/api", Kind: evidence.SecretDiffers}}
		}, []string{"secrets: core/web"}},
		{"it may before anything runs", prepare, func(e *evidence.Evidence) {
			e.Silences = nil
			e.Secrets.Different = []evidence.SecretDifference{{Path: "core/web", Kind: evidence.SecretMissing}}
		}, nil},

		{"a role lost a principal", canary, func(e *evidence.Evidence) {
			e.Roles = []evidence.Role{{Name: "images", Trusts: true, Lost: []string{"arn:old"}}}
		}, []string{"trust: images (arn:old)"}},

		{"a silence without traffic to move", freeze, func(*evidence.Evidence) {}, []string{"silence: s1"}},
		{"a silence of other alarms", canary, func(e *evidence.Evidence) { e.Silences[0].Matchers = []string{`severity="page"`} }, []string{"silence: s1"}},
		{"a silence that lasts too long", canary, func(e *evidence.Evidence) { e.Silences[0].Ends = now.Add(62 * time.Minute) }, []string{"silence: s1"}},

		{"a pipeline is open", canary, func(e *evidence.Evidence) { e.Freeze.Pipelines[0].Frozen = false }, []string{"frozen: web/deploy-prod"}},
		{"somebody opened it", canary, func(e *evidence.Evidence) { e.Freeze.Pipelines[0].Tampered = true }, []string{"frozen: web/deploy-prod"}},
		{"by break-glass", canary, func(e *evidence.Evidence) { e.Freeze.Pipelines[0].Frozen, e.Freeze.Opened = false, opened }, nil},
		{"an execution is under way", canary, func(e *evidence.Evidence) { e.Freeze.Running = []string{"X1 of web"} }, []string{"frozen: X1 of web"}},
		{"before canary it may be", freeze, func(e *evidence.Evidence) { e.Silences, e.Freeze.Running = nil, []string{"X1 of web"} }, nil},

		{"git names nothing", deploy, func(e *evidence.Evidence) { e.Silences, e.Services = nil, nil }, []string{"empty: migration/eks"}},
		{"git would delete most", prepare, func(e *evidence.Evidence) {
			e.Silences = nil
			for i := range 3 {
				e.Pipelines[i].State = evidence.PipelineObsolete
			}
		}, []string{"empty: a/p b/p c/p"}},
		{"git deletes some", prepare, func(e *evidence.Evidence) {
			e.Silences = nil
			for i := range 2 {
				e.Pipelines[i].State = evidence.PipelineObsolete
			}
		}, nil},
	}
	seen := map[string]bool{invariant.Owned: true}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := whole()
			tt.edit(&e)
			var got []string
			for _, b := range invariant.Check(migration(), tt.at, &e, now) {
				got = append(got, b.Name+": "+strings.Join(b.Objects, " "))
				seen[b.Name] = true
				if b.Text == "" || !slices.Contains(invariant.Names, b.Name) {
					t.Errorf("breach %+v", b)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("breaches (-want +got):\n%s", diff)
			}
		})
	}
	for _, name := range invariant.Names {
		if !seen[name] {
			t.Errorf("no case breaks %s", name)
		}
	}
}

func TestAllows(t *testing.T) {
	web := invariant.Breach{Name: invariant.Traffic, Objects: []string{"web"}}
	both := invariant.Breach{Name: invariant.Traffic, Objects: []string{"api", "web"}}
	trust := invariant.Breach{Name: invariant.Trust, Objects: []string{"images"}}
	empty := invariant.Breach{Name: invariant.Empty, Objects: []string{"migration/eks"}}
	type list = []invariant.Breach
	tests := []struct {
		name          string
		before, after list
		risks         bool
		want          bool
	}{
		{"all is well", nil, nil, true, true},
		{"it would break something", nil, list{web}, false, false},
		{"it would break something else", list{web}, list{web, trust}, false, false},
		{"it would break more of the same", list{web}, list{both}, false, false},
		{"it repairs", list{both}, list{web}, false, true},
		{"it changes nothing about it", list{web}, list{web}, false, true},
		{"it raises while something is broken", list{trust}, list{trust}, true, false},
		{"it raises and repairs all", list{web}, nil, true, true},
		{"it deletes for an empty state", list{empty}, nil, true, false},
		{"it goes back in spite of an empty state", list{empty}, list{empty}, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := invariant.Allows(tt.before, tt.after, tt.risks); got != tt.want {
				t.Errorf("Allows = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestNotOurs(t *testing.T) {
	foreign := func() evidence.Evidence {
		return evidence.Evidence{
			Pipelines: []evidence.Pipeline{{Application: "web", Name: "by-hand", State: evidence.PipelineRefused}},
			Freeze:    evidence.Freeze{Foreign: []string{"tools/nightly"}},
			Secrets:   evidence.Secrets{Different: []evidence.SecretDifference{{Path: "core/theirs", Kind: evidence.SecretExtra}}},
		}
	}
	before, after := foreign(), foreign()
	if got := invariant.NotOurs(&before, &after); got != nil {
		t.Errorf("nothing was changed: %v", got)
	}
	after.Pipelines[0].State, after.Freeze.Foreign, after.Secrets.Different = evidence.PipelineSame, nil, nil
	got := invariant.NotOurs(&before, &after)
	if want := []string{"core/theirs", "tools/nightly", "web/by-hand"}; len(got) != 1 || !slices.Equal(got[0].Objects, want) {
		t.Errorf("NotOurs = %v, want %v", got, want)
	}
}

func TestCheckLeavesTheEvidenceAlone(t *testing.T) {
	e := whole()
	e.Freeze.Running = []string{"X2", "X1", "X2"}
	e.Main = evidence.Main{Behind: 1, Take: []string{"b", "a", "a"}}
	same := whole()
	same.Freeze.Running = []string{"X2", "X1", "X2"}
	same.Main = evidence.Main{Behind: 1, Take: []string{"b", "a", "a"}}
	invariant.Check(migration(), canary, &e, now)
	if !reflect.DeepEqual(e, same) {
		t.Error("the evidence was changed")
	}
}
