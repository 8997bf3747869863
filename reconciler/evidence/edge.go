package evidence

import (
	"slices"
	"time"
)

// Edge is the fleet of proxies, and how the weight that they have fares (steps 14 and 15).
type Edge struct {
	Proxies []Proxy // one for each that the migration names, in its order
	Bake    Bake
	// Lately are the proxies as they were a minute or more ago, when they had the weight that stands: what they counted
	// since then tells how it fares now. None if nobody looked so long ago.
	Lately []Proxy
	// Steady are the proxies as they were a minute or more ago, if all of them have had the weight that stands since then:
	// only then does the share of the sessions tell anything. SteadySince is when they were so; zero if there is none.
	Steady      []Proxy
	SteadySince time.Time
	// Checks are those of the weight that bakes, or that has passed and still has its traffic: then of what was measured
	// lately.
	Checks []Check
}

// Proxy is one edge proxy and the two servers of the migration's backend.
type Proxy struct {
	Name string
	// Unreachable says why it did not answer; "" if it did. Then the rest is unknown.
	Unreachable string
	// Started is when its process began: a reload begins a new one, without the weights set at run time.
	Started  time.Time
	From, To Server
	// Third are the backend's other servers that may get traffic, which no weight counts, with their states; "" if there is
	// none.
	Third string
}

// Server is one server of a backend, as its proxy sees it. Counters begin at 0 with the proxy's process.
type Server struct {
	Name     string
	Weight   int    // percent, 0 to 100
	Up       bool   // its health check passes, or it has none, and nobody took it out
	Sessions int64  // sessions that it has been given
	Current  int64  // sessions that it has now
	Requests int64  // requests that came to an end: answered, or failed without an answer
	Answered int64  // those that were answered
	Errors   int64  // requests answered with 5xx, and those that failed without an answer
	Latency  int64  // average time to answer of the last 1024 answers, in milliseconds
	State    string // the proxy's own word, such as UP or MAINT
	// For is how long it has been up, or has not been.
	For time.Duration
}

// Bake is what is remembered of the weight that bakes: when it began cannot be observed.
type Bake struct {
	Commit string // of the marker for which the weight was set
	Weight int    // percent, 0 to 100
	Since  time.Time
	// Baseline are the proxies' counters when it began.
	Baseline []Proxy
	// Seen is when the processes of the proxies began that had the weight that stands when all had it last, by the proxies'
	// names; nil if they are those of Baseline. Lost says that no proxy has had that weight since then.
	Seen map[string]time.Time
	Lost bool
	// Old is what the old cluster's server had counted at all proxies when it last had enough traffic to compare with.
	Old Server
	// Good is the last weight that passed; after a failure the one that is gone back to.
	Good int
	// Passed says that Weight passed; Failed says why it did not, or what failed later, "" if nothing did. After a failure
	// the proxies go back to Good, and stay there until a marker counts that asks for another attempt or checkpoint.
	Passed   bool
	Failed   string
	FailedAt time.Time // when Good began to stand for it
}

// Stands is the weight that has its traffic once every proxy had it: Weight, or Good after a failure, or the one before
// while Weight is only going to be set.
func (b Bake) Stands() int {
	switch {
	case b.Failed != "":
		return b.Good
	case b.Begun():
		return b.Weight
	}
	answered := slices.DeleteFunc(slices.Clone(b.Baseline), func(p Proxy) bool { return p.Unreachable != "" })
	if len(answered) == 0 {
		return 0
	}
	return slices.MinFunc(answered, func(p, q Proxy) int { return p.To.Weight - q.To.Weight }).To.Weight
}

// Check is one analysis of the weight that bakes.
type Check struct {
	Name    string
	Verdict Verdict
	Reason  string // what was measured, and against what, in words
}

// Verdict is what a check says.
type Verdict string

// What a check can say. Inconclusive: not enough was measured, or the measurement failed.
const (
	Pass         Verdict = "pass"
	Fail         Verdict = "fail"
	Inconclusive Verdict = "inconclusive"
)
