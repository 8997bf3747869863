package invariant

import (
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// secrets: every key of the original is in the copy, once services run on the copy.
func secrets(o observation) []Breach {
	if o.at.Phase < estate.Deploy {
		return nil
	}
	var missing []string
	for _, d := range o.e.Secrets.Different {
		if d.Kind == evidence.SecretMissing {
			missing = append(missing, d.Path)
		}
	}
	return breach(Secrets, "the copy of the secrets lacks keys of the original", missing)
}
