package pipeline

import "fmt"

// artifacts checks that expected artifacts can be told apart, and that each one used is declared: by the pipeline, or
// by a stage that ends before the one that uses it.
func (c *checker) artifacts() {
	ofPipeline := c.declared(c.document["expectedArtifacts"], func(format string, args ...any) { c.add(format, args...) })
	ofStage := make(map[string]stage)
	for _, s := range c.list {
		add := func(format string, args ...any) { c.addStage(s, format, args...) }
		for id := range c.declared(s.fields["expectedArtifacts"], add) {
			if _, twice := ofStage[id]; twice || ofPipeline[id] {
				add("expected artifact %q is declared twice", id)
			}
			ofStage[id] = s
		}
	}
	for _, s := range c.list {
		for _, id := range c.used(s) {
			producer, produced := ofStage[id]
			switch {
			case ofPipeline[id]:
			case !produced:
				c.addStage(s, "uses artifact %q, which is not declared", id)
			case !c.endsBefore(producer.refID, s):
				c.addStage(s, "uses artifact %q of stage %q, which does not end before it: add it to requisiteStageRefIds", id, producer.refID)
			}
		}
	}
	c.triggers(ofPipeline)
}

// declared returns the ids in a list of expected artifacts. An id may be missing, since Front50 does not need it;
// then the artifact is known by its display name only, and no stage can refer to it.
func (c *checker) declared(v any, add func(string, ...any)) map[string]bool {
	ids, names := make(map[string]bool), make(map[string]bool)
	for i, artifact := range objects(v) {
		id, _ := artifact["id"].(string)
		name, _ := artifact["displayName"].(string)
		switch {
		case id == "" && name == "":
			add("expected artifact %d has neither id nor displayName", i+1)
		case id != "" && ids[id]:
			add("expected artifact %q is declared twice", id)
		case name != "" && names[name]:
			add("expected artifact with displayName %q is declared twice", name)
		}
		if id != "" {
			ids[id] = true
		}
		names[name] = true
		if _, ok := artifact["matchArtifact"].(map[string]any); !ok {
			add("expected artifact %q has no matchArtifact", fmt.Sprint(id, name))
		}
		if _, ok := artifact["defaultArtifact"].(map[string]any); !ok && artifact["useDefaultArtifact"] == true {
			add("expected artifact %q is to use its defaultArtifact and has none", fmt.Sprint(id, name))
		}
	}
	return ids
}

// used returns the ids of the artifacts that a stage refers to.
func (c *checker) used(s stage) []string {
	var ids []string
	for i, input := range objects(s.fields["inputArtifacts"]) {
		id, _ := input["id"].(string)
		inline, _ := input["artifact"].(map[string]any)
		switch {
		case id != "":
			ids = append(ids, id)
		case inline == nil:
			c.addStage(s, "input artifact %d has neither id nor artifact", i+1)
		}
	}
	if id, _ := s.fields["manifestArtifactId"].(string); id != "" {
		ids = append(ids, id)
	}
	return append(ids, c.texts(s, "requiredArtifactIds")...)
}

func (c *checker) triggers(declared map[string]bool) {
	for i, trigger := range objects(c.document["triggers"]) {
		list, _ := trigger["expectedArtifactIds"].([]any)
		for _, v := range list {
			if id, _ := v.(string); !declared[id] {
				c.add("trigger %d expects artifact %q, which is not declared", i+1, id)
			}
		}
		if trigger["enabled"] == nil {
			c.add("trigger %d has no enabled: Spinnaker takes that for disabled, so say which", i+1)
		}
	}
}

// objects returns the objects in a list.
func objects(v any) []map[string]any {
	list, _ := v.([]any)
	var out []map[string]any
	for _, item := range list {
		if object, ok := item.(map[string]any); ok {
			out = append(out, object)
		}
	}
	return out
}
