package values

import "cutover/gitops/estate"

// ParseMarker reads the content of a phase.yaml alone, as a pull request has it. Whether the weight is one of the edge's
// steps is not for the file alone to say.
func ParseMarker(path string, data []byte) (estate.Marker, Problems) {
	c := parseAs(phaseKind, data)
	var problems Problems
	for _, fault := range c.document.faults {
		problems = append(problems, Problem{File: path, Line: fault.line, Message: fault.message})
	}
	if len(problems) > 0 {
		return estate.Marker{}, problems
	}
	var content struct {
		Phase   string
		Weight  int
		Attempt int
		Paused  string
	}
	if err := c.document.decode(&content); err != nil {
		return estate.Marker{}, Problems{{File: path, Line: 1, Message: err.Error()}}
	}
	p, _ := estate.ParsePhase(content.Phase) // the schema has checked it
	return estate.Marker{Phase: p, Weight: content.Weight, Attempt: content.Attempt, Paused: content.Paused}, nil
}
