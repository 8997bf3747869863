package phase_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

// TestCopyLeavesWhatDiffers: a copy replaces what differs from the freeze on, and the evidence after it says the same.
func TestCopyLeavesWhatDiffers(t *testing.T) {
	missing := evidence.SecretDifference{Path: "core/api", Key: "NEW", Kind: evidence.SecretMissing}
	stale := evidence.SecretDifference{Path: "core/api", Key: "ADDRESS", Kind: evidence.SecretStale}
	differs := evidence.SecretDifference{Path: "core/api", Key: "PASSWORD", Kind: evidence.SecretDiffers}
	extra := evidence.SecretDifference{Path: "core/api", Key: "DEBUG", Kind: evidence.SecretExtra}
	for at, want := range map[estate.Marker][]evidence.SecretDifference{
		prepare: {differs, extra}, deploy: {differs, extra}, freeze: {extra}, canary(1): {extra},
	} {
		m := migration()
		e := complete(m, at)
		e.Secrets.Different = []evidence.SecretDifference{missing, stale, differs, extra}
		d := phase.Next(m, at, &e, t0)
		if len(d.Actions) != 1 || d.Actions[0].Verb != phase.CopySecrets {
			t.Fatalf("%s: %s", at, transcript(d))
		}
		after := phase.After(m, at, &e, d.Actions[0], t0)
		if diff := cmp.Diff(want, after.Secrets.Different); diff != "" {
			t.Errorf("%s: differences after the copy (-want +got):\n%s", at, diff)
		}
		if phase.Overwrites(at) != (len(want) == 1) {
			t.Errorf("%s: overwrites %t", at, phase.Overwrites(at))
		}
	}
}

// TestSyncUnchecked: the plan says what is not checked.
func TestSyncUnchecked(t *testing.T) {
	for _, unchecked := range []bool{false, true} {
		m := migration()
		e := complete(m, prepare)
		e.Secrets.Different = []evidence.SecretDifference{{Path: "core/api", Key: "NEW", Kind: evidence.SecretMissing}}
		e.Secrets.SyncUnchecked = unchecked
		d := phase.Next(m, prepare, &e, t0)
		if got := strings.Contains(d.Actions[0].Reason, "vault.syncRoles"); got != unchecked {
			t.Errorf("unchecked %t: %s", unchecked, d.Actions[0].Reason)
		}
	}
}
