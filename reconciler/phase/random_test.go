package phase_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

// meddle is what others do to a migration at any moment.
func meddle(c chance, j *journey) {
	e := &j.e
	switch c.IntN(12) {
	case 0: // a proxy reloads: it forgets weights and counters
		i := c.IntN(2)
		e.Edge.Proxies[i] = proxies(0)[i]
		e.Edge.Proxies[i].Started = j.now
	case 1:
		e.Silences = nil
	case 2:
		p := &e.Freeze.Pipelines[c.IntN(2)]
		p.Tampered, p.Frozen = p.Frozen || p.Tampered, false
	case 3:
		e.Pipelines[0].State = evidence.PipelineDiffers
	case 4:
		e.Roles[0].Trusts = false
	case 5:
		e.Secrets.Different = append(e.Secrets.Different, evidence.SecretDifference{Path: "core/web", Key: "TOKEN", Kind: pick(c, evidence.SecretMissing, evidence.SecretDiffers)})
	case 6: // a commit
		e.Services[c.IntN(len(e.Services))].Wanted = pick(c, "d1", "d2", "d3")
	case 7: // a developer
		e.Main.Behind++
		e.Services[3].Running = version(pick(c, "1.0", "1.1", "1.2"))
	case 8:
		if l := &e.Links[0]; l.Pods > 0 {
			l.Stale = c.IntN(l.Pods + 1)
		}
	case 9:
		e.Edge.Checks = checks(evidence.Fail)
	case 10:
		e.Freeze.Opened = []estate.BreakGlass{{Service: id("web").Name, Until: j.now.Add(time.Minute)}}
	case 11:
		j.now = j.now.Add(time.Duration(c.IntN(3600)) * time.Second)
	}
}

// legal are the markers that may follow: the next checkpoint, the same one, in another attempt or not, paused or not, and
// all before it.
func legal(c chance, j *journey) estate.Marker {
	list := phase.Checkpoints(j.m)
	i := slices.IndexFunc(list, func(at estate.Marker) bool { return at.Phase == j.at.Phase && at.Weight == j.at.Weight })
	if c.one(2) && i+1 < len(list) {
		return list[i+1]
	}
	to := list[c.IntN(i+1)]
	switch {
	case to == list[i] && c.one(2):
		to = phase.Again(j.at)
	case to == list[i]:
		to.Attempt = j.at.Attempt
	}
	if c.one(3) {
		return paused(to)
	}
	return to
}

func TestRandomJourneysEndWhereTheMarkerStands(t *testing.T) {
	ends, effects := map[string]int{}, 0
	for seed := range uint64(400) {
		c := chance{rand.New(rand.NewPCG(seed, 2))}
		j := begin(t)
		j.move(prepare)
		for range 5 + c.IntN(60) {
			d := phase.Next(j.m, j.at, &j.e, j.now)
			judge(t, d)
			j.tell(d)
			for _, a := range d.Actions[:c.IntN(len(d.Actions)+1)] { // a crash may lose the rest
				j.obey(a)
			}
			if d.Kind == phase.Hold {
				j.wait(d)
			}
			switch {
			case c.one(5):
				meddle(c, j)
			case c.one(4) || d.Kind == phase.Advance:
				j.move(legal(c, j))
			}
		}
		// In the end nobody meddles any more, the last marker stands, and a failed weight is tried again.
		j.now = j.now.Add(time.Hour)
		j.e.Edge.Checks = nil
		j.move(phase.Again(j.at))
		if d := j.run(); d.Kind != phase.Advance {
			t.Fatalf("seed %d: %s ends with %s\n%s", seed, j.at, transcript(d), j.log.String())
		}
		j.stands()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		ends[j.at.String()]++
		effects += strings.Count(j.log.String(), "\n      ")
	}
	t.Logf("%d effects; ended at %v", effects, ends)
	if len(ends) < len(phase.Checkpoints(migration())) {
		t.Errorf("some checkpoints are never where it ends: %v", ends)
	}
}
