package world

import "time"

// sickness is how long the new cluster has not answered users as it should while it got traffic, and the program could
// have done something about it.
type sickness struct {
	share  float64       // of the traffic that the new cluster got
	well   time.Duration // since users last suffered
	got    float64       // requests that it got since then, or since the process began
	lasted time.Duration
	told   bool
}

// From this share of a cluster's answers on, 0 to 1, or if they are so much later, its traffic has to go back.
const (
	bad  = 0.05
	slow = 200 * time.Millisecond
	// wellFor is how long users have to be well before what they suffered is over: what is lowered and put back at once helps
	// nobody.
	wellFor = 10 * time.Second
	// tellable is how many requests a cluster has to get before anybody can tell how it answers them.
	tellable = 100
)

// suffers tells whether users do not get the answers from the new cluster that they should, at a proxy that would take
// another weight.
func (w *World) suffers() bool {
	c := w.clusters[w.migration.To.Cluster.String()]
	ill := c.illness.failing() >= bad || c.illness.Latency >= slow || len(w.serving(c)) == 0
	for _, x := range w.fleet {
		if !w.works(x) || w.now.Before(x.guarded) {
			continue
		}
		from, to := x.split()
		if ill && to > 0 || from+to == 0 && x.to.weight > 0 && x.from.state == stateUp {
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

// endure counts the time in which users suffer. Whatever else is away, the program has to take
// the traffic back in time; only a dead process and proxies that nobody reaches excuse it, and a journal that a process
// has not got to see yet: without it the real one does not even start.
func (w *World) endure(d time.Duration) {
	s := &w.judge.sick
	share := w.share()
	if share < s.share { // it goes back, step by step
		*s = sickness{share: share}
		return
	}
	if !w.suffers() {
		if s.well += d; s.well >= wellFor {
			*s = sickness{share: share}
		}
		return
	}
	s.well = 0
	s.share = share // somebody may have raised it meanwhile
	if p := w.process; p == nil || p.dead || w.out(portEdge) || !p.remembers && w.out(portJournal) {
		return
	}
	if s.got += w.options.Requests * d.Seconds() * w.away(); s.got < tellable {
		return
	}
	if s.lasted += d; s.lasted > w.options.Retreat && !s.told {
		s.told = true
		w.breach("retreat", "users have not got the answers from the new cluster that they should for %s, and the weight is still %.0f%%", s.lasted, 100*w.share())
	}
}

// away is the part of the requests, 0 to 1, that the old cluster does not get.
func (w *World) away() float64 {
	out := 1.0
	for _, r := range w.routes() {
		if r.cluster.name == w.migration.From.Cluster.String() {
			out -= r.share
		}
	}
	return out
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
		if !w.works(x) || seen >= 0 && x.to.weight != seen {
			return true
		}
		seen = x.to.weight
	}
	return w.suffers()
}
