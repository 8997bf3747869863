package phase_test

import (
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

func silences(list ...evidence.Silence) func(*estate.Migration, *evidence.Evidence) {
	return with(func(e *evidence.Evidence) { e.Silences = list })
}

func silenced(id string, left time.Duration) evidence.Silence {
	return evidence.Silence{ID: id, Matchers: []string{matcher}, Ends: t0.Add(left)}
}

var alarmScenes = []scene{
	{"the alarms are silenced before the first traffic", canary(1), also(silences(), unbaked), "do step 13: silence-pending\n  silence-alarms cluster=\"orbit-prod\""},
	{"a silence is extended when less than half is left", canary(1), silences(silenced("s1", 11*time.Hour)), "do step 13: silence-pending\n  silence-alarms cluster=\"orbit-prod\" [s1]"},
	{"a short one keeps a margin", canary(1), also(atMost(20*time.Minute), silences(silenced("s1", 14*time.Minute))), "do step 13: silence-pending\n  silence-alarms cluster=\"orbit-prod\" [s1]"},
	{"one that has just been made is enough, however short", canary(1), also(atMost(10*time.Minute), silences(silenced("s1", 10*time.Minute))), "advance step 0: complete until +2s"},
	{"one that is too long is cut", canary(1), silences(silenced("s1", 25*time.Hour)), "do step 13: silence-pending\n  silence-alarms cluster=\"orbit-prod\" [s1]"},
	{"space does not make another matcher", canary(1), func(m *estate.Migration, _ *evidence.Evidence) {
		m.Alarms.Matchers = []string{`cluster = "orbit-prod"`}
	}, "advance step 0: complete until +2s"},
	{"one is enough", canary(1), silences(silenced("s1", 20*time.Hour), silenced("s2", 21*time.Hour)), "do step 13: silence-pending\n  expire-silence cluster=\"orbit-prod\" [s1]"},
	{"other matchers are not ours to keep", canary(1), also(silences(evidence.Silence{ID: "s0", Matchers: []string{`severity="page"`}, Ends: t0.Add(20 * time.Hour)}), unbaked),
		"do step 13: silence-pending\n  silence-alarms cluster=\"orbit-prod\"\n  expire-silence severity=\"page\" [s0]"},
	{"without alarms nothing is silenced", canary(1), also(silences(), func(m *estate.Migration, _ *evidence.Evidence) { m.Alarms = estate.Alarms{} }), "advance step 0: complete until +2s"},
	{"going back ends all silences", freeze, also(after(canary(1)), silences(silenced("s1", time.Hour), silenced("s2", time.Hour))), "do step 13: silence-over\n  expire-silence cluster=\"orbit-prod\" [s1]\n  expire-silence cluster=\"orbit-prod\" [s2]"},
	{"nothing waits for that", deploy, also(after(freeze), allFrozen, silences(silenced("s1", time.Hour))), "do step 13: silence-over\n  expire-silence cluster=\"orbit-prod\" [s1]\n  thaw-pipeline api/deploy-prod [11]\n  thaw-pipeline web/deploy-prod [12]\n  unblock-review #7 [77777777]"},
	{"nor does a deployment", deploy, also(services(service("web", estate.Stateless)), silences(silenced("s1", time.Hour))), "do step 13: silence-over\n  expire-silence cluster=\"orbit-prod\" [s1]\n  deploy orbit/core/web [cutover.web.d1.1]"},
	{"a survey that fails does not let the silence end", canary(5), also(survey(func(v *evidence.Survey) { v.NodesReady = 0 }), silences(silenced("s1", time.Hour))), "do step 13: silence-pending\n  silence-alarms cluster=\"orbit-prod\" [s1]"},
	{"paused, the silence is kept", paused(canary(5)), also(after(canary(5)), silences(silenced("s1", time.Hour))), "do step 13: silence-pending\n  silence-alarms cluster=\"orbit-prod\" [s1]"},
	{"paused, none is made before there is traffic", paused(canary(1)), also(after(canary(1)), silences(), noTraffic), "hold step 0: paused"},
}

func atMost(d time.Duration) func(*estate.Migration, *evidence.Evidence) {
	return func(m *estate.Migration, _ *evidence.Evidence) { m.Alarms.AtMost = d }
}
