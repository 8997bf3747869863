package evidence

import (
	"fmt"
	"math"
	"slices"
)

const (
	// ShareSessions is how many sessions have to be counted before their share says anything.
	ShareSessions = 200
	// shareMargin is how far the share may be from the weight, in percentage points, however many were counted.
	shareMargin = 3
	// shareDeviations is how many standard deviations of a fair draw it may be off where few were counted.
	shareDeviations = 4
)

// Begun says that the weight bakes: every proxy had it when Since was noted. Before, the note only says that it is going
// to be set.
func (b Bake) Begun() bool {
	return b.Commit != "" && !slices.ContainsFunc(b.Baseline, func(p Proxy) bool { return p.Unreachable != "" || p.To.Weight != b.Weight })
}

// CountedSince is what a proxy counted at its two servers since somebody looked at all proxies. A process that has begun
// since then, which its own clock tells, counted from 0; of a proxy that did not answer then nothing is known, nor of a
// process that is older than the one before, as it was not in its place then.
func (p Proxy) CountedSince(then []Proxy) (from, to Server) {
	i := slices.IndexFunc(then, func(b Proxy) bool { return b.Name == p.Name && b.Unreachable == "" })
	switch {
	case i < 0, p.Started.Before(then[i].Started):
		return Server{Name: p.From.Name}, Server{Name: p.To.Name}
	case !p.Started.Equal(then[i].Started):
		return p.From, p.To
	}
	return p.From.since(then[i].From), p.To.since(then[i].To)
}

// since subtracts counters. If one went back, somebody has cleared them.
func (s Server) since(then Server) Server {
	for _, c := range []struct{ now, then *int64 }{
		{&s.Sessions, &then.Sessions}, {&s.Requests, &then.Requests}, {&s.Answered, &then.Answered}, {&s.Errors, &then.Errors},
	} {
		if *c.now >= *c.then {
			*c.now -= *c.then
		}
	}
	return s
}

// Share is the part of the sessions that the new cluster got while all proxies had the weight that stands, in percent, and
// of how many sessions.
func (e Edge) Share() (percent float64, sessions int64) {
	var to int64
	for _, p := range e.Proxies {
		if p.Unreachable != "" {
			continue
		}
		f, t := p.CountedSince(e.Steady)
		to += t.Sessions
		sessions += f.Sessions + t.Sessions
	}
	if sessions == 0 {
		return 0, 0
	}
	return 100 * float64(to) / float64(sessions), sessions
}

// ShareDisagrees says in what the observed share disagrees with the weight that stands. It is "" if they agree, if fewer
// than 200 sessions were counted, and if the proxies do not all have that weight now.
func (e Edge) ShareDisagrees() string {
	weight := e.Bake.Stands()
	if e.Bake.Commit == "" || weight == 0 || e.Bake.Failed != "" {
		return ""
	}
	for _, p := range e.Proxies {
		if p.Unreachable == "" && p.To.Weight != weight {
			return ""
		}
	}
	share, sessions := e.Share()
	if sessions < ShareSessions {
		return ""
	}
	p := float64(weight) / 100
	allowed := max(shareMargin, shareDeviations*100*math.Sqrt(p*(1-p)/float64(sessions)))
	if math.Abs(share-float64(weight)) <= allowed {
		return ""
	}
	return fmt.Sprintf("%.1f%% of %d sessions went to the new cluster, and the weight is %d%%: more than %.1f points apart", share, sessions, weight, allowed)
}
