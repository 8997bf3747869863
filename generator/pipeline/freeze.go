package pipeline

import (
	"maps"
	"strings"
)

// freezeKey is the top-level field of a pipeline that we froze. It holds the reason and, below "before", the fields
// that freezing changes as they were. A field that is not there was not there.
const freezeKey = "cutoverFreeze"

// frozenFields are the fields that freezing changes.
var frozenFields = []string{"disabled", "locked", "description", freezeKey}

// frozenPrefix begins the description of a frozen pipeline, which Deck shows beside its name.
const frozenPrefix = "Frozen by Cutover: "

// Freeze returns a copy of d that cannot be started (Gate refuses a disabled one with 400) and that Deck lets nobody
// edit or unlock, with the reason in its description. What was before is kept in the document itself, for Thaw.
//
// A pipeline that is frozen stays as it is, with the reason that it was frozen for; of one that somebody enabled or
// unlocked all the same, what was before the first freeze is kept.
func Freeze(d Document, reason string) Document {
	before, stored, frozen := freezeOf(d)
	if frozen {
		if !startable(d) {
			return maps.Clone(d)
		}
		reason = stored
	} else {
		before = map[string]any{}
		for _, key := range frozenFields {
			if value, set := d[key]; set {
				before[key] = value
			}
		}
	}
	out := maps.Clone(d)
	if out == nil {
		out = Document{}
	}
	description := frozenPrefix + reason
	if was, _ := before["description"].(string); strings.TrimSpace(was) != "" {
		description += "\n\n" + was
	}
	out["disabled"] = true
	out["locked"] = map[string]any{"ui": true, "allowUnlockUi": false, "description": reason}
	out["description"] = description
	out[freezeKey] = map[string]any{"reason": reason, "before": before}
	return out
}

// Thaw returns a copy of d as it was before Freeze, and whether it was frozen. What else somebody changed meanwhile
// stays changed.
func Thaw(d Document) (Document, bool) {
	out := maps.Clone(d)
	before, _, frozen := freezeOf(d)
	if !frozen {
		return out, false
	}
	for _, key := range frozenFields {
		delete(out, key)
		if value, set := before[key]; set {
			out[key] = value
		}
	}
	return out, true
}

// FrozenBy returns the reason that d was frozen for, and whether it was at all. It is tampered with if it is enabled or
// can be unlocked all the same.
func FrozenBy(d Document) (reason string, frozen, tampered bool) {
	_, reason, frozen = freezeOf(d)
	return reason, frozen, frozen && startable(d)
}

// freezeOf reads what Freeze wrote. A field of that name and another shape is not ours.
func freezeOf(d Document) (before map[string]any, reason string, frozen bool) {
	freeze, _ := d[freezeKey].(map[string]any)
	reason, frozen = freeze["reason"].(string)
	before, _ = freeze["before"].(map[string]any) // a store that drops empty fields means that nothing was there
	return before, reason, frozen
}

// startable tells whether a frozen pipeline can be started, or unlocked for that.
func startable(d Document) bool {
	locked, _ := d["locked"].(map[string]any)
	return d["disabled"] != true || locked["ui"] != true || locked["allowUnlockUi"] == true
}
