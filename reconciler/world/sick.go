package world

import "time"

// sickness is how long the new cluster has answered users with errors while it got traffic, and the program could have
// done something about it.
type sickness struct {
	lasted time.Duration
	told   bool
}

// bad is the share of a cluster's answers, 0 to 1, from which on its traffic has to go back.
const bad = 0.05

// suffers tells whether users get errors from the new cluster now.
func (w *World) suffers() bool {
	for _, r := range w.routes()[1:] {
		if r.share > 0 && (r.ready == 0 || r.cluster.errors >= bad) {
			return true
		}
	}
	return false
}

// crashing tells whether the Pods that users reach in a cluster crash, or did until a moment ago: that users get errors
// then is not the program's fault, but that it goes on is.
func (w *World) crashing(c *cluster) bool {
	for service, until := range c.failing {
		if w.judge.clients[service] && w.now.Before(until.Add(time.Minute)) {
			return true
		}
	}
	return false
}

// endure counts the time in which users got errors from the new cluster. Whatever else is away, the program has to take
// the traffic back in time; only a dead process and proxies that nobody reaches excuse it.
func (w *World) endure(d time.Duration) {
	s := &w.judge.sick
	if !w.suffers() {
		*s = sickness{}
		return
	}
	if until, out := w.outages[string(portEdge)]; w.process == nil || w.process.dead || out && w.now.Before(until) || w.few() {
		return
	}
	if s.lasted += d; s.lasted > w.options.Retreat && !s.told {
		s.told = true
		w.breach("retreat", "users got errors from the new cluster for %s, and the weight is still %.0f%%", s.lasted, 100*w.share())
	}
}

// Uneasy tells whether the edge has to be looked at every moment: users get errors, or a proxy has not the weight of the
// others.
func (w *World) Uneasy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.uneasy()
}

func (w *World) uneasy() bool {
	if w.share() == 0 {
		return false
	}
	seen := -1
	for _, x := range w.fleet {
		if x.down != "" || seen >= 0 && x.to.weight != seen {
			return true
		}
		seen = x.to.weight
	}
	return w.suffers()
}
