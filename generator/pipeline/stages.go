package pipeline

import "strings"

// required lists the fields that a stage of each type cannot run without (orca and clouddriver-kubernetes).
var required = map[string][]string{
	"bakeManifest":       {"templateRenderer", "outputName"},
	"deployManifest":     {"account", "cloudProvider", "source"},
	"scaleManifest":      {"account", "location", "manifestName", "replicas"},
	"disableManifest":    {"account", "location", "manifestName"},
	"deleteManifest":     {"account", "location"},
	"patchManifest":      {"account", "location", "manifestName", "source"},
	"checkPreconditions": {"preconditions"},
	"wait":               {"waitTime"},
	"evaluateVariables":  {"variables"},
	"pipeline":           {"application", "pipeline"},
	"webhook":            {"url", "method"},
	"jenkins":            {"master", "job"},
}

// requiredFields checks what a stage says by itself.
func (c *checker) requiredFields(s stage) {
	kind, _ := s.fields["type"].(string)
	if blank(kind) {
		c.addStage(s, "type is missing")
		return
	}
	for _, key := range required[kind] {
		c.need(s, key)
	}
	switch kind {
	case "bakeManifest":
		c.bake(s)
	case "deployManifest":
		c.oneOf(s, "source", "text", "artifact")
		if s.fields["source"] == "text" && s.fields["manifests"] == nil {
			c.addStage(s, "source text needs manifests")
		}
	case "patchManifest":
		c.oneOf(s, "source", "text", "artifact")
		if s.fields["source"] == "text" && s.fields["patchBody"] == nil {
			c.addStage(s, "source text needs patchBody")
		}
		if options, ok := s.fields["options"].(map[string]any); ok && options["mergeStrategy"] != nil {
			c.oneOfValue(s, "options.mergeStrategy", options["mergeStrategy"], "strategic", "json", "merge")
		}
	case "deleteManifest":
		if s.fields["manifestName"] == nil && s.fields["labelSelectors"] == nil {
			c.addStage(s, "deleteManifest needs manifestName or labelSelectors")
		}
	case "checkPreconditions":
		c.preconditions(s)
	case "manualJudgment":
		c.eachHas(s, "judgmentInputs", "value")
	case "evaluateVariables":
		c.eachHas(s, "variables", "key", "value")
	case "wait":
		c.waitTime(s)
	}
	c.manifestName(s)
	c.enabled(s)
}

func (c *checker) need(s stage, key string) {
	v := s.fields[key]
	text, isText := v.(string)
	if v == nil || isText && blank(text) {
		c.addStage(s, "%s needs %s", s.fields["type"], key)
	}
}

func (c *checker) oneOf(s stage, key string, words ...string) {
	if s.fields[key] != nil {
		c.oneOfValue(s, key, s.fields[key], words...)
	}
}

func (c *checker) oneOfValue(s stage, key string, v any, words ...string) {
	for _, word := range words {
		if v == word {
			return
		}
	}
	c.addStage(s, "%s is %v: use %s", key, v, strings.Join(words, ", "))
}

// bake checks the artifacts of a bake: the chart and its values in, one manifest out.
func (c *checker) bake(s stage) {
	if list, given := s.fields["inputArtifacts"]; given && len(objects(list)) == 0 {
		c.addStage(s, "inputArtifacts is empty: the chart comes first, then the values files")
	}
	if list, given := s.fields["expectedArtifacts"]; given && len(objects(list)) != 1 {
		c.addStage(s, "bakeManifest makes exactly one artifact, and expectedArtifacts lists %d", len(objects(list)))
	}
}

func (c *checker) preconditions(s stage) {
	list := objects(s.fields["preconditions"])
	if s.fields["preconditions"] != nil && len(list) == 0 {
		c.addStage(s, "preconditions is empty")
	}
	for i, p := range list {
		context, _ := p["context"].(map[string]any)
		switch p["type"] {
		case nil:
			c.addStage(s, "precondition %d has no type", i+1)
		case "expression":
			if blank(context["expression"]) {
				c.addStage(s, "precondition %d has no context.expression", i+1)
			}
		case "stageStatus":
			if blank(context["stageName"]) || blank(context["stageStatus"]) {
				c.addStage(s, "precondition %d needs context.stageName and context.stageStatus", i+1)
			}
		}
	}
}

func (c *checker) eachHas(s stage, list string, keys ...string) {
	for i, object := range objects(s.fields[list]) {
		for _, key := range keys {
			if _, has := object[key]; !has {
				c.addStage(s, "%s %d has no %s", list, i+1, key)
			}
		}
	}
}

func (c *checker) waitTime(s stage) {
	switch v := s.fields["waitTime"].(type) {
	case nil: // said already
	case string:
		if !strings.Contains(v, "${") {
			c.addStage(s, "waitTime %q is no number of seconds", v)
		}
	case float64:
		if v < 0 {
			c.addStage(s, "waitTime %v is negative", v)
		}
	case int:
		if v < 0 {
			c.addStage(s, "waitTime %v is negative", v)
		}
	default:
		c.addStage(s, "waitTime %v is no number of seconds", v)
	}
}

// manifestName checks "<kind> <name>", which clouddriver splits at the space.
func (c *checker) manifestName(s stage) {
	name, ok := s.fields["manifestName"].(string)
	if ok && !strings.Contains(name, "${") && len(strings.Fields(name)) != 2 {
		c.addStage(s, "manifestName %q is not \"<kind> <name>\"", name)
	}
}

func (c *checker) enabled(s stage) {
	v := s.fields["stageEnabled"]
	if v == nil {
		return
	}
	enabled, _ := v.(map[string]any)
	if len(enabled) == 0 {
		return // deck writes {} for "always"
	}
	if enabled["type"] == "expression" && blank(enabled["expression"]) {
		c.addStage(s, "stageEnabled has no expression")
	}
}
