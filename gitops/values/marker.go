package values

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"cutover/gitops/estate"
)

// readMarker reads phase.yaml.
func (p *pass) readMarker(m *migrationFiles) {
	f := p.open(m.spec.MarkerPath(), phaseKind)
	if !f.sound() {
		return
	}
	var content struct {
		Phase   string
		Weight  *int
		Attempt int
		Paused  string
	}
	if err := f.decode(&content); err != nil {
		f.report(nil, "%s", err)
		return
	}
	m.spec.Marker.Phase, _ = estate.ParsePhase(content.Phase) // the schema has checked it
	m.spec.Marker.Attempt, m.spec.Marker.Paused = content.Attempt, content.Paused
	if m.spec.Marker.Phase != estate.Canary || content.Weight == nil {
		return
	}
	weight := *content.Weight
	m.spec.Marker.Weight = weight
	weights := []string{"0"}
	for _, step := range m.spec.Edge.Steps {
		weights = append(weights, itoa(step.Weight))
	}
	if m.file.knows("edge") && !slices.Contains(weights, itoa(weight)) {
		f.report([]string{"weight"}, "weight %d is no step of the edge in %s: use one of %s", weight, m.file.path, strings.Join(weights, ", "))
	}
}

// MarkerFile is the content of a phase.yaml that says m: the same bytes for the same marker, and the marker again when it
// is read. A weight outside the canary, the first attempt, and a blank reason to pause are left out, as no file may hold
// them.
func MarkerFile(m estate.Marker) []byte {
	content := struct {
		Phase   string `yaml:"phase"`
		Weight  *int   `yaml:"weight,omitempty"`
		Attempt int    `yaml:"attempt,omitempty"`
		Paused  string `yaml:"paused,omitempty"`
	}{Phase: m.Phase.String()}
	if m.Phase == estate.Canary {
		content.Weight = &m.Weight
	}
	if m.Attempt > 1 {
		content.Attempt = m.Attempt
	}
	if reason := strings.ToValidUTF8(m.Paused, "?"); strings.TrimSpace(reason) != "" {
		content.Paused = reason
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(content); err != nil {
		panic(fmt.Sprintf("values: a marker has no YAML: %v", err)) // texts and a number
	}
	return out.Bytes()
}
