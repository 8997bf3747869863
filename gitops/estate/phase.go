package estate

import (
	"fmt"
	"strings"
)

// Phase is a stretch of the runbook between two reviewed checkpoints, in the order of the steps.
type Phase int

const (
	// Prepare is steps 1 to 5: the new cluster, copied secrets, values, trust and pipelines.
	Prepare Phase = iota + 1
	// Deploy is steps 6 and 7: every service but the exclusive ones runs in the new cluster and is tested.
	Deploy
	// Freeze is steps 8 to 12: developers stop deploying, and what changed since is brought over.
	Freeze
	// Canary is steps 13 to 15: traffic moves by weight at the edge, up to 100 percent.
	Canary
	// Cutover is steps 16 to 19: DNS, singletons' clients, alarms and exclusive services.
	Cutover
	// Swap is steps 20 and 21: the new cluster becomes the production, and developers deploy again.
	Swap
	// Cleanup is step 22: what is left of the old cluster goes.
	Cleanup
)

var phaseNames = [...]string{Prepare: "prepare", Deploy: "deploy", Freeze: "freeze", Canary: "canary", Cutover: "cutover", Swap: "swap", Cleanup: "cleanup"}

// Phases lists all phases in order.
func Phases() []Phase {
	return []Phase{Prepare, Deploy, Freeze, Canary, Cutover, Swap, Cleanup}
}

// ParsePhase returns the phase that s names, or an error that lists them all.
func ParsePhase(s string) (Phase, error) {
	for _, p := range Phases() {
		if p.String() == s {
			return p, nil
		}
	}
	return 0, fmt.Errorf("unknown phase %q: use one of %s", s, strings.Join(phaseNames[Prepare:], ", "))
}

func (p Phase) String() string {
	if p < Prepare || p > Cleanup {
		return ""
	}
	return phaseNames[p]
}

// MarshalText writes the phase as it stands in phase.yaml.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote; "" is no phase.
func (p *Phase) UnmarshalText(text []byte) (err error) {
	if *p = 0; len(text) > 0 {
		*p, err = ParsePhase(string(text))
	}
	return err
}

// Marker says where a migration should stand: the content of its phase.yaml.
type Marker struct {
	Phase Phase `json:"phase"`
	// Weight is the share of traffic that the new cluster should get, in percent, 0 to 100. It is set in
	// the canary phase only.
	Weight int `json:"weight,omitempty"`
	// Attempt counts from 1 how often the same checkpoint is tried; 0 is the first time. A weight that failed is tried
	// again by a marker with the next attempt.
	Attempt int `json:"attempt,omitempty"`
	// Paused says why the migration stands still; "" if it does not. What it has reached is kept up.
	Paused string `json:"paused,omitempty"`
}

func (m Marker) String() string {
	if m.Phase == Canary {
		return fmt.Sprintf("%s %d%%", m.Phase, m.Weight)
	}
	return m.Phase.String()
}
