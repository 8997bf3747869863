package invariant

import (
	"slices"

	"cutover/reconciler/evidence"
)

// NotOurs compares the evidence before an action with what it would be after it, and lists what it would change although
// it does not carry our mark: a pipeline that must not be saved, one that git does not name, a key that only the copy of a
// secret has.
func NotOurs(before, after *evidence.Evidence) []Breach {
	var changed []string
	for _, p := range before.Pipelines {
		if p.State == evidence.PipelineRefused && !slices.Contains(after.Pipelines, p) {
			changed = append(changed, p.Application+"/"+p.Name)
		}
	}
	for _, foreign := range before.Freeze.Foreign {
		if !slices.Contains(after.Freeze.Foreign, foreign) {
			changed = append(changed, foreign)
		}
	}
	for _, d := range before.Secrets.Different {
		if d.Kind == evidence.SecretExtra && !slices.Contains(after.Secrets.Different, d) {
			changed = append(changed, d.Path)
		}
	}
	return breach(Owned, "what does not carry our mark would be changed", changed)
}
