package phase_test

import (
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

func frost(f func(*evidence.Freeze)) func(*estate.Migration, *evidence.Evidence) {
	return with(func(e *evidence.Evidence) { f(&e.Freeze) })
}

func thawed(f *evidence.Freeze) {
	for i := range f.Pipelines {
		f.Pipelines[i].Frozen = false
	}
	f.Reviews[0].Blocked = false
}

// breakGlass lets web through for a while.
func breakGlass(left time.Duration) func(*estate.Migration, *evidence.Evidence) {
	return frost(func(f *evidence.Freeze) {
		f.Opened = []estate.BreakGlass{{Service: id("web").Name, Until: t0.Add(left)}}
	})
}

var freezeScenes = []scene{
	{"the old stack is frozen", freeze, frost(thawed), "do step 8: freeze-pending\n  freeze-pipeline api/deploy-prod [11]\n  freeze-pipeline web/deploy-prod [12]\n  block-review #7 [77777777]"},
	{"but for what break-glass lets through", freeze, also(frost(thawed), breakGlass(time.Hour)), "do step 8: freeze-pending\n  freeze-pipeline api/deploy-prod [11]"},
	{"break-glass thaws", freeze, breakGlass(time.Hour), "do step 8: freeze-pending\n  thaw-pipeline web/deploy-prod [12]\n  unblock-review #7 [77777777]"},
	{"break-glass expires", freeze, also(frost(thawed), breakGlass(0)), "do step 8: freeze-pending\n  freeze-pipeline api/deploy-prod [11]\n  freeze-pipeline web/deploy-prod [12]\n  block-review #7 [77777777]"},
	{"a pipeline that somebody opened is frozen again", freeze, frost(func(f *evidence.Freeze) { f.Pipelines[1].Frozen, f.Pipelines[1].Tampered = false, true }), "do step 8: freeze-pending\n  freeze-pipeline web/deploy-prod [12]"},
	{"what runs may end", freeze, frost(func(f *evidence.Freeze) { f.Running = []string{"X1 of web/deploy-prod"} }), "hold step 8: freeze-running until +5s"},
	{"pipelines that are not ours hold", freeze, frost(func(f *evidence.Freeze) { f.Foreign = []string{"tools/by-hand"} }), "hold step 8: freeze-foreign"},
	{"going back to deploy thaws", deploy, also(after(freeze), frost(func(f *evidence.Freeze) {
		f.Pipelines[0].Frozen, f.Pipelines[1].Tampered, f.Reviews[0].Blocked = true, true, true
	})),
		"do step 8: thaw-pending\n  thaw-pipeline api/deploy-prod [11]\n  thaw-pipeline web/deploy-prod [12]\n  unblock-review #7 [77777777]"},
	{"paused, a freeze that has come undone is frozen again", paused(freeze), also(after(freeze), frost(func(f *evidence.Freeze) { f.Pipelines[1].Frozen = false })), "do step 8: freeze-pending\n  freeze-pipeline web/deploy-prod [12]"},
	{"paused, break-glass thaws", paused(freeze), also(after(freeze), breakGlass(time.Hour)), "do step 8: freeze-pending\n  thaw-pipeline web/deploy-prod [12]\n  unblock-review #7 [77777777]"},
	{"break-glass waits for no system", canary(5), also(away, breakGlass(time.Hour)), "do step 8: freeze-pending\n  thaw-pipeline web/deploy-prod [12]\n  unblock-review #7 [77777777]"},
	{"nor for a survey", canary(5), also(survey(func(v *evidence.Survey) { v.NodesReady = 0 }), breakGlass(time.Hour)), "do step 8: freeze-pending\n  thaw-pipeline web/deploy-prod [12]\n  unblock-review #7 [77777777]"},
	{"paused, a freeze that has not begun does not begin", paused(freeze), also(after(freeze), frost(thawed)), "hold step 0: paused"},
	{"a marker that moves and pauses at once does not begin the freeze", paused(freeze), also(after(deploy), frost(thawed)), "hold step 0: paused"},
	{"one that has begun is kept up in its own phase", freeze, also(away, frost(func(f *evidence.Freeze) { f.Pipelines[1].Frozen = false })), "do step 8: freeze-pending\n  freeze-pipeline web/deploy-prod [12]"},
	{"behind it, one that has wholly come undone is kept up, too", paused(canary(5)), also(after(canary(5)), frost(thawed)), "do step 8: freeze-pending\n  freeze-pipeline api/deploy-prod [11]\n  freeze-pipeline web/deploy-prod [12]\n  block-review #7 [77777777]"},
	{"a survey that fails does not let the freeze come undone", canary(5), also(survey(func(v *evidence.Survey) { v.NodesReady = 0 }), frost(func(f *evidence.Freeze) { f.Pipelines[1].Frozen = false })), "do step 8: freeze-pending\n  freeze-pipeline web/deploy-prod [12]"},
	{"a refused marker does not let the freeze come undone", canary(100), also(after(canary(1)), frost(func(f *evidence.Freeze) { f.Pipelines[1].Frozen = false }), noTraffic), "do step 8: freeze-pending\n  freeze-pipeline web/deploy-prod [12]"},

	{"both branches changed a path", freeze, with(func(e *evidence.Evidence) {
		e.Main.Behind, e.Main.Conflicts = 2, []evidence.Conflict{{Path: "values.yaml", Ours: "111", Theirs: "222"}}
	}), "hold step 9: main-conflict"},
	{"the base branch cannot be read", freeze, with(func(e *evidence.Evidence) { e.Main.Behind, e.Main.Unusable = 2, "cutover.yaml:3: no such cluster" }), "hold step 9: main-unusable"},
	{"a conflict is to be settled first", freeze, with(func(e *evidence.Evidence) {
		e.Main.Behind, e.Main.Conflicts, e.Main.Unusable = 2, []evidence.Conflict{{Path: "values.yaml"}}, "cutover.yaml:3: no such cluster"
	}), "hold step 9: main-conflict"},
	{"the base branch is merged", freeze, with(func(e *evidence.Evidence) { e.Main.Behind, e.Main.Take = 2, []string{"a", "b"} }), "do step 9: main-behind\n  merge-main migration/eks"},
	{"but not before the freeze", deploy, with(func(e *evidence.Evidence) { e.Main.Behind = 2 }), "advance step 0: complete"},
	{"changed secrets are brought over", freeze, different(evidence.SecretDiffers), "do step 9: secrets-pending\n  copy-secrets orbit-prod2: core/api-match"},
	{"newer versions are pinned", freeze, edited("web", func(s *evidence.Service) { s.Running = version("1.1") }), "do step 9: versions-pending\n  pin-versions migration/eks"},
	{"those of exclusive services too", freeze, edited("push", func(s *evidence.Service) { s.Running = version("1.1") }), "do step 9: versions-pending\n  pin-versions migration/eks"},
	{"a version that cannot be read holds", freeze, edited("web", unread), "hold step 9: version-unknown until +5s"},
	{"in the canary too", canary(5), edited("web", unread), "hold step 9: version-unknown until +2s"},
	{"after what could be read has been pinned", freeze, also(edited("web", unread), edited("api", func(s *evidence.Service) { s.Running = version("1.1") })), "do step 9: versions-pending\n  pin-versions migration/eks"},
	{"unless break-glass lets it be ahead", freeze, also(edited("web", unread), frost(func(f *evidence.Freeze) {
		f.Opened, f.Pipelines[1].Frozen, f.Reviews[0].Blocked = []estate.BreakGlass{{Service: id("web").Name, Until: t0.Add(time.Hour)}}, false, false
	})), "advance step 0: complete"},
	{"and before the freeze it need not be read again", deploy, edited("web", unread), "advance step 0: complete"},
	{"older versions stay before the freeze", deploy, edited("web", func(s *evidence.Service) { s.Running = version("1.1") }), "advance step 0: complete"},
	{"what was pinned is deployed again", freeze, edited("web", func(s *evidence.Service) { s.Wanted = "d2" }), "do step 10: deploying\n  deploy orbit/core/web [cutover.web.d2.2]"},
	{"what was never deployed is deployed before the freeze", freeze, also(frost(thawed), edited("web", func(s *evidence.Service) { s.Deployments, s.Ready = nil, false })), "do step 6: deploying\n  deploy orbit/core/web [cutover.web.d1.1]"},
}

// unread lets the old cluster's version of a service be unknown.
func unread(s *evidence.Service) {
	s.Running, s.Unknown = estate.Version{}, "core/Deployment.apps/web does not exist"
}

// noTraffic takes back what complete says of the edge.
func noTraffic(_ *estate.Migration, e *evidence.Evidence) {
	e.Edge.Proxies, e.Edge.Bake = proxies(0), evidence.Bake{}
}
