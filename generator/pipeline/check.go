package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with a document. Gate would save such a document without a word, because Front50
// does not check the stage graph, and its executions would fail.
type Problem struct {
	Stage   int // index of the stage in stages, or -1 for the document itself
	Subject string
	Message string
}

func (p *Problem) Error() string {
	if p.Subject == "" {
		return p.Message
	}
	return p.Subject + ": " + p.Message
}

// Check returns what is wrong with d, nil if nothing is: blank names, a stage graph that cannot run, artifacts and
// parameters that are used and not declared, and stages without the fields that their type needs. Every error is a
// *Problem; they are in the document's order. A stage type that it does not know passes: Spinnaker has plugins.
//
// A bakeManifest stage without artifacts, and a deployManifest stage without a manifest artifact, pass too: both
// can be completed by the trigger.
func Check(d Document) []error {
	c := &checker{document: d}
	c.names()
	c.stages()
	c.graph()
	c.artifacts()
	c.parameters()
	slices.SortStableFunc(c.problems, func(a, b *Problem) int { return cmp.Compare(a.Stage, b.Stage) })
	var errs []error
	for _, p := range c.problems {
		errs = append(errs, p)
	}
	return errs
}

type checker struct {
	document Document
	list     []stage          // the stages that are objects
	byRef    map[string]stage // those of them that have a refId
	problems []*Problem
}

// stage is one stage with what the checks ask of it again and again.
type stage struct {
	index  int
	fields map[string]any
	refID  string   // "" if it is missing
	needs  []string // requisiteStageRefIds
}

func (c *checker) add(format string, args ...any) {
	c.problems = append(c.problems, &Problem{Stage: -1, Message: fmt.Sprintf(format, args...)})
}

func (c *checker) addStage(s stage, format string, args ...any) {
	name := fmt.Sprintf("stage %d", s.index+1)
	if s.refID != "" {
		name = fmt.Sprintf("stage %q", s.refID)
	}
	c.problems = append(c.problems, &Problem{Stage: s.index, Subject: name, Message: fmt.Sprintf(format, args...)})
}

func (c *checker) names() {
	for _, key := range []string{"application", "name", "id"} {
		if blank(c.document[key]) {
			c.add("%s is missing or no text", key)
		}
	}
}

// stages reads the list of stages and checks each by itself.
func (c *checker) stages() {
	raw, ok := c.document["stages"].([]any)
	if !ok && c.document["stages"] != nil {
		c.add("stages is no list")
	}
	for i, v := range raw {
		fields, ok := v.(map[string]any)
		s := stage{index: i, fields: fields}
		if !ok {
			c.addStage(s, "is no object")
			continue
		}
		switch id := fields["refId"].(type) {
		case nil:
			c.addStage(s, "refId is missing")
		case string:
			if s.refID = id; blank(id) {
				c.addStage(s, "refId is blank")
			}
		default:
			c.addStage(s, "refId %v is no text: put it in quotes", id)
		}
		s.needs = c.texts(s, "requisiteStageRefIds")
		c.requiredFields(s)
		c.list = append(c.list, s)
	}
}

// texts returns a field that must be a list of texts, if it is there.
func (c *checker) texts(s stage, key string) []string {
	v := s.fields[key]
	if v == nil {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		c.addStage(s, "%s is no list", key)
		return nil
	}
	var out []string
	for _, item := range list {
		text, ok := item.(string)
		if !ok {
			c.addStage(s, "%s holds %v, which is no text: put it in quotes", key, item)
			continue
		}
		out = append(out, text)
	}
	return out
}

// blank tells whether v is missing, no text, or only white space.
func blank(v any) bool {
	text, _ := v.(string)
	return strings.TrimSpace(text) == ""
}
