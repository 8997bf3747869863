package pipeline

import (
	"slices"
	"strings"
)

// graph checks that refIds are unique, that every requisite exists, and that no stage waits for itself.
func (c *checker) graph() {
	c.byRef = make(map[string]stage)
	for _, s := range c.list {
		if s.refID == "" {
			continue
		}
		if first, twice := c.byRef[s.refID]; twice {
			c.addStage(s, "refId is used by stages %d and %d", first.index+1, s.index+1)
			continue
		}
		c.byRef[s.refID] = s
	}
	for _, s := range c.list {
		for i, need := range s.needs {
			if _, known := c.byRef[need]; !known {
				c.addStage(s, "requires stage %q, which does not exist", need)
			}
			if slices.Contains(s.needs[:i], need) {
				c.addStage(s, "requires stage %q twice", need)
			}
		}
	}
	c.cycles()
}

// cycles reports each cycle once, at the stage where a walk in document order meets it.
func (c *checker) cycles() {
	done, onPath := make(map[string]bool), make(map[string]bool)
	var path []string
	var walk func(s stage)
	walk = func(s stage) {
		if onPath[s.refID] {
			at := slices.Index(path, s.refID)
			c.addStage(s, "waits for itself: %s", strings.Join(append(slices.Clone(path[at:]), s.refID), " -> "))
			return
		}
		if done[s.refID] {
			return
		}
		path, onPath[s.refID] = append(path, s.refID), true
		for _, need := range s.needs {
			if next, known := c.byRef[need]; known {
				walk(next)
			}
		}
		path = path[:len(path)-1]
		onPath[s.refID], done[s.refID] = false, true
	}
	for _, s := range c.list {
		if s.refID != "" {
			walk(s)
		}
	}
}

// endsBefore tells whether the stage of that refId ends before s starts. It survives a graph with cycles.
func (c *checker) endsBefore(refID string, s stage) bool {
	seen := make(map[string]bool)
	var walk func(s stage) bool
	walk = func(s stage) bool {
		for _, need := range s.needs {
			next, known := c.byRef[need]
			if !known || seen[need] {
				continue
			}
			seen[need] = true
			if need == refID || walk(next) {
				return true
			}
		}
		return false
	}
	return walk(s)
}
