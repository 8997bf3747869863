package phase

import (
	"slices"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// Overwrites says that what differs in the copy of the secrets is replaced: the old side is frozen.
func Overwrites(at estate.Marker) bool { return at.Phase >= estate.Freeze }

// copySecrets is step 2: the copy has every key of the original, and the addresses that the phase asks for. Keys that
// differ are left alone before the freeze, because the original may change back, and the new cluster is only tried out.
func copySecrets(s situation) Progress {
	return makeCopies(s, evidence.SecretMissing, evidence.SecretStale)
}

// makeCopies brings over the secrets that differ in one of the given ways. What only the copy has is nobody's to delete.
func makeCopies(s situation, kinds ...evidence.SecretKind) Progress {
	secrets := s.e.Secrets
	p := Progress{Done: secrets.Keys, Total: secrets.Keys}
	if secrets.Denied != "" {
		p.Waiting = because(SecretsDenied, "the secrets cannot be copied: %s", secrets.Denied)
		return p
	}
	var paths []string
	keys := 0
	for _, d := range secrets.Different {
		if slices.Contains(kinds, d.Kind) {
			paths = append(paths, d.Path)
			keys++
		}
	}
	if keys == 0 {
		return p
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	p.Done = max(p.Total-keys, 0)
	p.Waiting = because(SecretsPending, "%s of %s in the copy are not as they should be: %s", count(keys, "key"), count(len(paths), "secret"), some(paths))
	reason := p.Waiting.Text
	if secrets.SyncUnchecked {
		reason += "; whether secret-sync may read the copy is not checked, as the daemon's configuration has no vault.syncRoles"
	}
	p.Actions = []Action{{
		Verb: CopySecrets, Target: s.m.To.Cluster.String(), Items: paths, Reason: reason,
		Undo: "nothing to do: what the copy held stays in Vault as an older version",
	}}
	return p
}
