package pipeline_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"cutover/generator/pipeline"
)

var owner = pipeline.Ownership{Estate: "e", Product: "orbit", Namespace: "core", Service: "api", Stack: "prod", Template: "deploy"}

func TestFreeze(t *testing.T) {
	for name, tt := range map[string]struct{ before, description string }{
		"a pipeline without a description gets one":     {"{}", "Frozen by Cutover: moving"},
		"a blank description is not quoted":             {"{description: ' '}", "Frozen by Cutover: moving"},
		"a description is kept below the reason":        {"{description: Deploys api}", "Frozen by Cutover: moving\n\nDeploys api"},
		"one that is disabled stays so":                 {"{disabled: true}", "Frozen by Cutover: moving"},
		"one that is enabled in words":                  {"{disabled: false, locked: null}", "Frozen by Cutover: moving"},
		"one that is locked by its owner":               {"{locked: {ui: true, allowUnlockUi: true, description: ours}}", "Frozen by Cutover: moving"},
		"a field of our key that is not ours":           {"{cutoverFreeze: mine}", "Frozen by Cutover: moving"},
		"a field of our key that has no reason":         {"{cutoverFreeze: {before: {}}}", "Frozen by Cutover: moving"},
		"one of another type than a text is overridden": {"{description: 7, disabled: maybe, locked: yes}", "Frozen by Cutover: moving"},
	} {
		t.Run(name, func(t *testing.T) {
			d := pipeline.Mark(parse(t, tt.before), owner)
			asItWas := string(pipeline.Canonical(d))
			if reason, frozen, tampered := pipeline.FrozenBy(d); reason != "" || frozen || tampered {
				t.Errorf("before: FrozenBy = %q, %t, %t", reason, frozen, tampered)
			}
			if thawed, was := pipeline.Thaw(d); was || string(pipeline.Canonical(thawed)) != asItWas {
				t.Errorf("Thaw of what is not frozen changed it: %t, %v", was, thawed)
			}
			frozen := pipeline.Freeze(d, "moving")
			if got := string(pipeline.Canonical(d)); got != asItWas {
				t.Errorf("the original changed: %s", got)
			}
			want := map[string]any{"ui": true, "allowUnlockUi": false, "description": "moving"}
			locked, _ := frozen["locked"].(map[string]any)
			if frozen["disabled"] != true || frozen["description"] != tt.description || len(locked) != len(want) ||
				locked["ui"] != true || locked["allowUnlockUi"] != false || locked["description"] != "moving" {
				t.Errorf("frozen = %v", frozen)
			}
			if mark, ok := pipeline.OwnedBy(frozen); !ok || mark != owner {
				t.Errorf("mark = %v", mark)
			}
			if reason, is, tampered := pipeline.FrozenBy(frozen); reason != "moving" || !is || tampered {
				t.Errorf("FrozenBy = %q, %t, %t", reason, is, tampered)
			}
			if pipeline.Same(d, frozen) {
				t.Error("a frozen pipeline counts as the same")
			}
			thawed, was := pipeline.Thaw(stored(t, frozen))
			if got := string(pipeline.Canonical(thawed)); !was || !pipeline.Same(d, thawed) {
				t.Errorf("thawed = %t, %s, want %s", was, got, asItWas)
			}
		})
	}
}

// stored is what Front50 gives back of a document: without fields that are null, and with its stamps.
func stored(t *testing.T, d pipeline.Document) pipeline.Document {
	t.Helper()
	out, err := pipeline.Normalize(withoutNull(map[string]any(d)))
	if err != nil {
		t.Fatal(err)
	}
	out["updateTs"], out["lastModifiedBy"] = "1", "cutover"
	return out
}

func withoutNull(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := map[string]any{}
	for key, value := range object {
		if value != nil {
			out[key] = withoutNull(value)
		}
	}
	return out
}

func TestFreezeOfTampered(t *testing.T) {
	d := pipeline.Mark(parse(t, "{description: Deploys api, limitConcurrent: true}"), owner)
	for name, tt := range map[string]struct {
		edit     string
		tampered bool
	}{
		"enabled":                      {"{disabled: false}", true},
		"unlocked":                     {"{locked: {ui: false}}", true},
		"unlockable":                   {"{locked: {ui: true, allowUnlockUi: true}}", true},
		"without a lock":               {"{locked: null}", true},
		"with another description":     {"{description: by hand}", false},
		"with another lock's words":    {"{locked: {ui: true, allowUnlockUi: false, description: by hand}}", false},
		"with something else changed":  {"{limitConcurrent: false}", false},
		"without the state of before":  {"{cutoverFreeze: {reason: moving}}", false},
		"with more in what was before": {"{cutoverFreeze: {reason: moving, before: {stages: [], description: Deploys api}}}", false},
	} {
		t.Run(name, func(t *testing.T) {
			edited := pipeline.Freeze(d, "moving")
			changes := parse(t, tt.edit)
			for key, value := range changes {
				edited[key] = value
			}
			if reason, frozen, tampered := pipeline.FrozenBy(edited); reason != "moving" || !frozen || tampered != tt.tampered {
				t.Errorf("FrozenBy = %q, %t, %t", reason, frozen, tampered)
			}
			again := pipeline.Freeze(edited, "another reason")
			if reason, frozen, tampered := pipeline.FrozenBy(again); reason != "moving" || !frozen || tampered {
				t.Errorf("frozen again: FrozenBy = %q, %t, %t", reason, frozen, tampered)
			}
			if !tt.tampered && string(pipeline.Canonical(again)) != string(pipeline.Canonical(edited)) {
				t.Errorf("a frozen one changed: %s", pipeline.Diff(again, edited))
			}
			thawed, _ := pipeline.Thaw(again)
			if _, touched := changes["cutoverFreeze"]; !touched && thawed["description"] != "Deploys api" {
				t.Errorf("description = %v", thawed["description"])
			}
			if _, made := thawed["stages"]; made {
				t.Error("more was restored than what freezing changes")
			}
			if thawed["disabled"] != nil || thawed["locked"] != nil || thawed["cutoverFreeze"] != nil {
				t.Errorf("thawed = %v", thawed)
			}
		})
	}
}

// TestThawRestores tries documents at random: whatever stands in the fields that freezing changes comes back, byte for
// byte, however often it was frozen.
func TestThawRestores(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		d := pipeline.Document{"id": "1", "name": "deploy", "stages": []any{randomValue(random, 2)}}
		for _, key := range []string{"disabled", "locked", "description", "cutoverFreeze", "triggers"} {
			if random.IntN(2) == 0 {
				d[key] = randomValue(random, 3)
			}
		}
		if _, frozen, _ := pipeline.FrozenBy(d); frozen {
			t.Fatalf("a random document is frozen: %v", d)
		}
		want := string(pipeline.Canonical(d))
		frozen := d
		for i := range 1 + random.IntN(3) {
			frozen = pipeline.Freeze(frozen, strings.Repeat("x", i+1))
		}
		if once := pipeline.Canonical(pipeline.Freeze(d, "x")); string(once) != string(pipeline.Canonical(frozen)) {
			t.Fatalf("freezing again changed\n%s", want)
		}
		for _, f := range []pipeline.Document{frozen, parse(t, string(pipeline.Canonical(frozen)))} {
			thawed, was := pipeline.Thaw(f)
			delete(thawed, "application") // parse adds it
			if got := string(pipeline.Canonical(thawed)); !was || got != want {
				t.Fatalf("thawed is\n%s\nwant\n%s", got, want)
			}
		}
	}
}

func randomValue(random *rand.Rand, depth int) any {
	switch n := random.IntN(7); {
	case n == 0:
		return nil
	case n == 1:
		return random.IntN(2) == 0
	case n == 2:
		return float64(random.IntN(1000))
	case n == 3 && depth > 0:
		return []any{randomValue(random, depth-1)}
	case n > 3 && depth > 0:
		object := map[string]any{}
		for _, key := range []string{"ui", "before", "description", "allowUnlockUi"} {
			if random.IntN(2) == 0 {
				object[key] = randomValue(random, depth-1)
			}
		}
		return object
	default:
		return []string{"", " ", "Deploys <api> & co", "Frozen by Cutover: x", "Ω\n\nline"}[random.IntN(5)]
	}
}

func TestDeploysTo(t *testing.T) {
	for name, tt := range map[string]struct {
		stages string
		want   bool
	}{
		"no stages":                                {"[]", false},
		"a deployment":                             {"[{type: wait}, {type: deployManifest, account: old}]", true},
		"a patch":                                  {"[{type: patchManifest, account: old}]", true},
		"a deletion":                               {"[{type: deleteManifest, account: old}]", true},
		"a change of the scale":                    {"[{type: scaleManifest, account: old}]", true},
		"a restart":                                {"[{type: rollingRestartManifest, account: old}]", true},
		"a Job":                                    {"[{type: runJobManifest, account: old}]", true},
		"a type that nobody knows":                 {"[{type: ourOwnStage, account: old}]", true},
		"credentials, the older word":              {"[{type: resizeServerGroup, credentials: old}]", true},
		"clusters of a stage that deploys":         {"[{type: deploy, clusters: [{account: other}, {account: old}]}]", true},
		"an account that is an expression":         {`[{type: deployManifest, account: "${parameters.account}"}]`, true},
		"an account of a longer name":              {"[{type: deployManifest, account: old2}]", false},
		"another account":                          {"[{type: deployManifest, account: new}]", false},
		"a stage that only looks":                  {"[{type: findArtifactsFromResource, account: old}]", false},
		"a pipeline that starts another":           {"[{type: pipeline, application: api, pipeline: x, account: old}]", false},
		"an account of an artifact":                {"[{type: bakeManifest, inputArtifacts: [{account: old}]}]", false},
		"a precondition":                           {"[{type: checkPreconditions, preconditions: [{context: {credentials: old}}], credentials: old}]", false},
		"what is no stage":                         {"[old, {clusters: [old], account: {name: old}, type: deploy}]", false},
		"a stage that deploys although it may not": {"[{type: deployManifest, account: old, stageEnabled: {type: expression, expression: 'false'}}]", true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := pipeline.DeploysTo(parse(t, "{stages: "+tt.stages+"}"), "old"); got != tt.want {
				t.Errorf("DeploysTo = %t, want %t", got, tt.want)
			}
		})
	}
	if pipeline.DeploysTo(pipeline.Document{}, "old") {
		t.Error("a pipeline without stages deploys")
	}
}
