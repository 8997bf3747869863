package invariant

import (
	"time"

	"cutover/gitops/estate"
)

const (
	// clockSkew is how far Alertmanager's clock and ours may be apart.
	clockSkew = time.Minute
	// silenceDefault is the longest silence where the migration names none.
	silenceDefault = 24 * time.Hour
)

// silence: every silence of ours has the matchers that git names and no others, ends by itself in time, and is there only
// while the old cluster's alarms mean nothing.
func silence(o observation) []Breach {
	most := o.m.Alarms.AtMost
	if most <= 0 {
		most = silenceDefault
	}
	var outside, wide, long []string
	for _, s := range o.e.Silences {
		switch {
		case o.at.Phase < estate.Canary:
			outside = append(outside, s.ID)
		case !s.Mutes(o.m.Alarms.Matchers):
			wide = append(wide, s.ID)
		case s.Ends.After(o.now.Add(most + clockSkew)):
			long = append(long, s.ID)
		}
	}
	out := breach(Silence, "silences stand while no traffic is moved", outside)
	out = append(out, breach(Silence, "silences have other matchers than git names", wide)...)
	return append(out, breach(Silence, "silences last longer than git allows", long)...)
}
