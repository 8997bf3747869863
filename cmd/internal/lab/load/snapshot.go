package load

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// maxReasons bounds how many reasons of failures are kept: the first ones explain the others.
const maxReasons = 5

// Snapshot is what became of the requests until a moment.
type Snapshot struct {
	Total     int64            // requests that ended
	Failed    int64            // those of them without an answer, or with a status of 500 or above
	ByCluster map[string]int64 // answers by the cluster that gave them, failed ones too; what a proxy answers itself is in none
	Reasons   []string         // the first few different reasons of failures
}

// Since is what became of the requests between an earlier snapshot of the same source and this one. The reasons are
// those that are new.
func (s Snapshot) Since(earlier Snapshot) Snapshot {
	d := Snapshot{Total: s.Total - earlier.Total, Failed: s.Failed - earlier.Failed, ByCluster: make(map[string]int64)}
	for cluster, n := range s.ByCluster {
		d.ByCluster[cluster] = n - earlier.ByCluster[cluster]
	}
	d.Reasons = slices.Clone(s.Reasons[min(len(earlier.Reasons), len(s.Reasons)):])
	return d
}

// Share is the part of the answers that a cluster gave, in percent.
func (s Snapshot) Share(cluster string) float64 {
	var answered int64
	for _, n := range s.ByCluster {
		answered += n
	}
	if answered == 0 {
		return 0
	}
	return 100 * float64(s.ByCluster[cluster]) / float64(answered)
}

// String tells it in a line, such as "1000 requests, 2 failed; orbit-prod 75.0 %, orbit-prod2 25.0 %".
func (s Snapshot) String() string {
	var shares []string
	for _, cluster := range slices.Sorted(maps.Keys(s.ByCluster)) {
		shares = append(shares, fmt.Sprintf("%s %.1f %%", cluster, s.Share(cluster)))
	}
	text := fmt.Sprintf("%d requests, %d failed", s.Total, s.Failed)
	if len(shares) > 0 {
		text += "; " + strings.Join(shares, ", ")
	}
	return text
}

// tally counts.
type tally struct {
	mu  sync.Mutex
	sum Snapshot // under mu
}

func (t *tally) count(cluster, failed string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sum.Total++
	if cluster != "" {
		if t.sum.ByCluster == nil {
			t.sum.ByCluster = make(map[string]int64)
		}
		t.sum.ByCluster[cluster]++
	}
	if failed == "" {
		return
	}
	t.sum.Failed++
	if len(t.sum.Reasons) < maxReasons && !slices.Contains(t.sum.Reasons, failed) {
		t.sum.Reasons = append(t.sum.Reasons, failed)
	}
}

func (t *tally) snapshot() Snapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sum
	s.ByCluster, s.Reasons = maps.Clone(t.sum.ByCluster), slices.Clone(t.sum.Reasons)
	return s
}
