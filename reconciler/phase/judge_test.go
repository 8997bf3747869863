package phase_test

import (
	"math"
	"testing"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

func TestJudge(t *testing.T) {
	most, least := 0.01, 0.5
	errors := estate.Analysis{Name: "errors", AtMost: &most}
	sampled := estate.Analysis{Name: "errors", AtMost: &most, Samples: &estate.Samples{Query: "n", AtLeast: 500}}
	success := estate.Analysis{Name: "success", AtLeast: &least}
	tests := []struct {
		name   string
		a      estate.Analysis
		m      phase.Measurement
		want   evidence.Verdict
		reason string
	}{
		{"below the most", errors, phase.Measurement{Value: 0.001}, evidence.Pass, "0.001, at most 0.01"},
		{"exactly the most", errors, phase.Measurement{Value: 0.01}, evidence.Pass, "0.01, at most 0.01"},
		{"more than the most", errors, phase.Measurement{Value: 0.02}, evidence.Fail, "0.02 is more than 0.01"},
		{"infinitely more", errors, phase.Measurement{Value: math.Inf(1)}, evidence.Fail, "+Inf is more than 0.01"},
		{"above the least", success, phase.Measurement{Value: 0.9}, evidence.Pass, "0.9, at least 0.5"},
		{"below the least", success, phase.Measurement{Value: 0.4}, evidence.Fail, "0.4 is less than 0.5"},
		{"no number", errors, phase.Measurement{Value: math.NaN()}, evidence.Inconclusive, "the query gives no number"},
		{"not measured", errors, phase.Measurement{Problem: "no data yet"}, evidence.Inconclusive, "not measured: no data yet"},
		{"enough samples", sampled, phase.Measurement{Value: 0.5, Samples: 500}, evidence.Fail, "0.5 is more than 0.01"},
		{"too few samples prove nothing", sampled, phase.Measurement{Value: 0.5, Samples: 499}, evidence.Inconclusive, "499 samples, and 500 are needed"},
		{"samples that are no number", sampled, phase.Measurement{Samples: math.NaN()}, evidence.Inconclusive, "NaN samples, and 500 are needed"},
		{"samples not measured", sampled, phase.Measurement{Samples: 1e6, SamplesProblem: "timeout"}, evidence.Inconclusive, "how much was measured is not known: timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := phase.Judge(tt.a, tt.m); got.Verdict != tt.want || got.Reason != tt.reason || got.Name != tt.a.Name {
				t.Errorf("Judge = %+v, want %s: %s", got, tt.want, tt.reason)
			}
		})
	}
}

// counted are proxies after so many requests and errors at each of them, since a bake began.
func counted(from, to evidence.Server) evidence.Edge {
	e := evidence.Edge{Proxies: proxies(5), Steady: proxies(5), Bake: evidence.Bake{Commit: commit, Weight: 5, Since: t0.Add(-time.Minute), Baseline: proxies(5), Good: 1}}
	for i := range e.Proxies {
		for _, s := range []struct {
			server *evidence.Server
			counts evidence.Server
		}{{&e.Proxies[i].From, from}, {&e.Proxies[i].To, to}} {
			s.server.Requests, s.server.Errors, s.server.Latency, s.server.Sessions = s.counts.Requests, s.counts.Errors, s.counts.Latency, s.counts.Sessions
			s.server.Answered = s.counts.Requests
		}
	}
	return e
}

// lately is what both proxies had counted at the new cluster's server a minute ago.
func lately(to evidence.Server) func(*evidence.Edge) {
	return func(e *evidence.Edge) {
		e.Lately = proxies(5)
		for i := range e.Lately {
			e.Lately[i].To.Requests, e.Lately[i].To.Answered, e.Lately[i].To.Errors = to.Requests, to.Requests, to.Errors
		}
	}
}

func TestEdgeChecks(t *testing.T) {
	type server = evidence.Server
	tests := []struct {
		name            string
		from, to        server
		edit            func(*evidence.Edge)
		errors, latency evidence.Verdict
	}{
		{"both do well", server{Requests: 1000, Errors: 1, Latency: 20}, server{Requests: 60, Latency: 22}, nil, evidence.Pass, evidence.Pass},
		{"too few requests", server{Requests: 1000}, server{Requests: 49, Errors: 49, Latency: 9000}, nil, evidence.Inconclusive, evidence.Inconclusive},
		{"a point more errors", server{Requests: 1000, Errors: 10}, server{Requests: 10000, Errors: 200}, nil, evidence.Pass, evidence.Pass},
		{"more than a point", server{Requests: 1000, Errors: 10}, server{Requests: 10000, Errors: 240}, nil, evidence.Fail, evidence.Pass},
		{"as many as may be by chance", server{Requests: 1000}, server{Requests: 50, Errors: 2}, nil, evidence.Pass, evidence.Pass},
		{"more than that", server{Requests: 1000}, server{Requests: 50, Errors: 3}, nil, evidence.Fail, evidence.Pass},
		{"requests that are never answered", server{Requests: 1000, Latency: 20}, server{Requests: 50, Errors: 50}, func(e *evidence.Edge) {
			for i := range e.Proxies {
				e.Proxies[i].To.Answered = 0
			}
		}, evidence.Fail, evidence.Inconclusive},
		{"some of them", server{Requests: 1000, Latency: 20}, server{Requests: 100, Errors: 40, Latency: 100}, func(e *evidence.Edge) {
			for i := range e.Proxies {
				e.Proxies[i].To.Answered = 60
			}
		}, evidence.Fail, evidence.Fail},
		{"twice as slow and a bit", server{Requests: 1000, Latency: 100}, server{Requests: 100, Latency: 250}, nil, evidence.Pass, evidence.Pass},
		{"slower than that", server{Requests: 1000, Latency: 100}, server{Requests: 100, Latency: 251}, nil, evidence.Pass, evidence.Fail},
		{"only what was counted since", server{Requests: 1000}, server{Requests: 1000, Errors: 500}, func(e *evidence.Edge) {
			for i := range e.Bake.Baseline {
				e.Bake.Baseline[i].To.Requests, e.Bake.Baseline[i].To.Errors = 900, 500
			}
		}, evidence.Pass, evidence.Pass},
		{"a proxy that has restarted counted from 0", server{Requests: 1000}, server{Requests: 100, Errors: 50}, func(e *evidence.Edge) {
			for i := range e.Proxies {
				e.Bake.Baseline[i].To.Requests, e.Proxies[i].Started = 99, t0
			}
		}, evidence.Fail, evidence.Pass},
		{"a proxy that was not there before does not count", server{Requests: 1000}, server{Requests: 1000, Errors: 500}, func(e *evidence.Edge) { e.Bake.Baseline = nil }, evidence.Inconclusive, evidence.Inconclusive},
		{"one that does not answer neither", server{Requests: 1000}, server{Requests: 60}, func(e *evidence.Edge) { unreachable(e) }, evidence.Inconclusive, evidence.Inconclusive},
		{"at 100% the old cluster's past counts", server{Requests: 1000, Errors: 50, Latency: 80}, server{Requests: 1000, Errors: 55, Latency: 90}, func(e *evidence.Edge) {
			for i := range e.Bake.Baseline {
				e.Bake.Baseline[i].From = e.Proxies[i].From
			}
			e.Bake.Old = server{Requests: 2000, Answered: 2000, Errors: 100, Latency: 80}
		}, evidence.Pass, evidence.Pass},
		{"also after a reload", server{}, server{Requests: 1000, Errors: 55, Latency: 90}, func(e *evidence.Edge) {
			for i := range e.Proxies {
				e.Proxies[i].Started = t0
			}
			e.Bake.Old = server{Requests: 2000, Answered: 2000, Errors: 100, Latency: 80}
		}, evidence.Pass, evidence.Pass},
		{"of an old cluster that nothing is known of no latency is compared", server{}, server{Requests: 1000, Latency: 90}, nil, evidence.Pass, evidence.Inconclusive},
		{"its own clock tells that a proxy has restarted", server{Requests: 1000}, server{Requests: 100, Errors: 50}, func(e *evidence.Edge) {
			for i := range e.Proxies {
				e.Bake.Baseline[i].Started, e.Proxies[i].Started = t0.Add(time.Hour), t0.Add(time.Hour) // it is fast
				e.Bake.Baseline[i].To.Errors = 49
			}
		}, evidence.Pass, evidence.Pass},
		{"what another process counted before it took over does not", server{Requests: 1000}, server{Requests: 1000, Errors: 500}, func(e *evidence.Edge) {
			for i := range e.Proxies {
				e.Proxies[i].Started = e.Bake.Baseline[i].Started.Add(-time.Hour)
			}
		}, evidence.Inconclusive, evidence.Inconclusive},
		{"what went well for days does not hide what fails lately", server{Requests: 1000}, server{Requests: 1_000_000, Errors: 60, Latency: 20}, lately(server{Requests: 999_900}), evidence.Fail, evidence.Pass},
		{"what failed long ago is not forgotten in a bake", server{Requests: 1000}, server{Requests: 1000, Errors: 60}, lately(server{Requests: 800, Errors: 60}), evidence.Fail, evidence.Pass},
		{"of what was gone back to only what was counted lately counts", server{Requests: 1000}, server{Requests: 1000, Errors: 600}, func(e *evidence.Edge) {
			lately(server{Requests: 800, Errors: 600})(e)
			e.Bake.Failed = "slow"
		}, evidence.Pass, evidence.Pass},
		{"which may fail as well", server{Requests: 1000}, server{Requests: 1000, Errors: 60}, func(e *evidence.Edge) {
			lately(server{Requests: 800})(e)
			e.Bake.Failed = "slow"
		}, evidence.Fail, evidence.Pass},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := counted(tt.from, tt.to)
			if tt.edit != nil {
				tt.edit(&e)
			}
			got := phase.EdgeChecks(e)
			if len(got) != 2 || got[0].Verdict != tt.errors || got[1].Verdict != tt.latency {
				t.Errorf("EdgeChecks = %+v, want %s and %s", got, tt.errors, tt.latency)
			}
			for _, c := range got {
				if c.Reason == "" {
					t.Errorf("%s does not say why", c.Name)
				}
			}
		})
	}
}

func TestShare(t *testing.T) {
	type server = evidence.Server
	tests := []struct {
		name     string
		from, to server // at each of two proxies
		edit     func(*evidence.Edge)
		want     string
	}{
		{"as the weight says", server{Sessions: 950}, server{Sessions: 50}, nil, ""},
		{"within three points", server{Sessions: 920}, server{Sessions: 80}, nil, ""},
		{"further off", server{Sessions: 910}, server{Sessions: 90}, nil, "9.0% of 2000 sessions went to the new cluster, and the weight is 5%: more than 3.0 points apart"},
		{"too few to say", server{Sessions: 0}, server{Sessions: 99}, nil, ""},
		{"few may be further off", server{Sessions: 94}, server{Sessions: 10}, nil, ""},
		{"while a proxy lacks the weight nothing is said", server{Sessions: 0}, server{Sessions: 500}, func(e *evidence.Edge) { e.Proxies[0].To.Weight = 0 }, ""},
		{"nor before it bakes", server{Sessions: 0}, server{Sessions: 500}, func(e *evidence.Edge) { e.Bake.Baseline = proxies(1) }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := counted(tt.from, tt.to)
			if tt.edit != nil {
				tt.edit(&e)
			}
			if got := e.ShareDisagrees(); got != tt.want {
				t.Errorf("ShareDisagrees = %q, want %q", got, tt.want)
			}
		})
	}
}
