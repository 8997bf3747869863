package phase

import (
	"strings"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

const (
	// silenceMargin is how long a silence has to run on at least, so that it outlives an outage of ours.
	silenceMargin = 15 * time.Minute
	// clockSkew is how far Alertmanager's clock and ours may be apart.
	clockSkew = time.Minute
	// silenceDefault is the longest silence where the migration names none.
	silenceDefault = 24 * time.Hour
)

// silence is step 13: one silence of ours mutes the old cluster's alarms. It is never longer than the migration allows,
// and is extended as long as it is needed, so that it ends by itself when nobody needs it.
func silence(s situation) Progress {
	p := Progress{Actions: keepSilence(s)}
	if len(s.m.Alarms.Matchers) > 0 {
		p.Total = 1
	}
	kept, ok := bestSilence(s)
	for _, other := range s.e.Silences {
		if !ok || other.ID != kept.ID {
			p.Actions = append(p.Actions, expire(other, "one silence of the migration is enough, with the matchers that git names"))
		}
	}
	if len(p.Actions) > 0 {
		p.Waiting = because(SilencePending, "%s", p.Actions[0].Reason)
		return p
	}
	p.Done = p.Total
	return p
}

// keepSilence creates the silence, or extends it when less than half is left.
func keepSilence(s situation) []Action {
	if len(s.m.Alarms.Matchers) == 0 {
		return nil
	}
	most := longest(s.m)
	least := max(most/2, min(silenceMargin, most/4*3))
	a := Action{
		Verb: SilenceAlarms, Target: strings.Join(wantedMatchers(s), ", "), Undo: "expire the silence",
		Reason: "the alarms of " + s.m.From.Cluster.String() + " are not silenced",
	}
	if kept, ok := bestSilence(s); ok {
		left := kept.Ends.Sub(s.now)
		switch {
		case left < least:
			a.Reason = "the silence has " + max(left, 0).Round(time.Second).String() + " left"
		case left > most+clockSkew:
			a.Reason = "the silence is longer than the " + most.String() + " that git allows"
		default:
			return nil
		}
		a.Key = kept.ID
	}
	return []Action{a}
}

// bestSilence is the one of ours with the matchers that git names that lasts longest.
func bestSilence(s situation) (evidence.Silence, bool) {
	var best evidence.Silence
	found := false
	for _, candidate := range s.e.Silences {
		if candidate.Mutes(s.m.Alarms.Matchers) && (!found || candidate.Ends.After(best.Ends)) {
			best, found = candidate, true
		}
	}
	return best, found
}

// longest is how long a silence may be.
func longest(m *estate.Migration) time.Duration {
	if m.Alarms.AtMost <= 0 {
		return silenceDefault
	}
	return m.Alarms.AtMost
}

func wantedMatchers(s situation) []string { return evidence.CanonicalMatchers(s.m.Alarms.Matchers) }

// unsilence undoes step 13.
func unsilence(s situation) Progress {
	p := Progress{Total: len(s.e.Silences)}
	for _, ours := range s.e.Silences {
		p.Actions = append(p.Actions, expire(ours, "no traffic is moved any more: the marker is at "+s.at.String()))
	}
	if len(p.Actions) > 0 {
		p.Waiting = because(SilenceOver, "%s to be ended", count(len(p.Actions), "silence"))
	}
	return p
}

func expire(s evidence.Silence, reason string) Action {
	return Action{Verb: ExpireSilence, Target: strings.Join(s.Matchers, ", "), Key: s.ID, Reason: reason, Undo: "silence the alarms again"}
}
