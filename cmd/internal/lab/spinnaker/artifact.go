package spinnaker

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"

	"cutover/cmd/internal/lab/spinnaker/spel"
)

// artifact is a Spinnaker artifact: a reference to something outside the pipeline.
type artifact struct {
	Type      string         `json:"type,omitempty"`
	Name      string         `json:"name,omitempty"`
	Version   string         `json:"version,omitempty"`
	Location  string         `json:"location,omitempty"`
	Reference string         `json:"reference,omitempty"`
	Account   string         `json:"artifactAccount,omitempty"`
	Metadata  map[string]any `json:"metadata,omitempty"`
}

const embedded = "embedded/base64"

func embed(name string, content []byte) artifact {
	return artifact{Type: embedded, Name: name, Reference: base64.StdEncoding.EncodeToString(content)}
}

// expectation is an artifact that a pipeline or a stage expects.
type expectation struct {
	ID          string         `json:"id,omitempty"`
	DisplayName string         `json:"displayName,omitempty"`
	Match       map[string]any `json:"matchArtifact,omitempty"`
	Default     map[string]any `json:"defaultArtifact,omitempty"`
	UseDefault  bool           `json:"useDefaultArtifact"`
	UsePrior    bool           `json:"usePriorArtifact"`
	Bound       map[string]any `json:"boundArtifact,omitempty"`
}

// matches compares the fields that the expectation sets, by equality or as a regular expression. The account is
// where to read from, and is not compared.
func (e expectation) matches(candidate map[string]any) bool {
	for _, key := range []string{"type", "name", "version", "location", "reference"} {
		want, have := textOf(e.Match, key), textOf(candidate, key)
		if want == "" || want == have {
			continue
		}
		pattern, err := regexp.Compile("^(?:" + want + ")$")
		if err != nil || !pattern.MatchString(have) {
			return false
		}
	}
	return true
}

// bind finds the one candidate that matches, or the default.
func (e expectation) bind(candidates []any) (map[string]any, error) {
	var bound map[string]any
	for _, c := range candidates {
		candidate, _ := c.(map[string]any)
		if !e.matches(candidate) {
			continue
		}
		if bound != nil {
			return nil, badRequest("Expected artifact %s matches multiple artifacts", e.label())
		}
		bound = candidate
	}
	switch {
	case bound != nil:
		return bound, nil
	case e.UseDefault && e.Default != nil:
		return e.Default, nil
	default:
		return nil, badRequest("Unmatched expected artifact %s could not be resolved.", e.label())
	}
}

func (e expectation) label() string {
	for _, text := range []string{e.DisplayName, textOf(e.Match, "name"), e.ID} {
		if text != "" {
			return text
		}
	}
	return "without a name"
}

// resolveArtifacts binds the pipeline's expected artifacts to what the trigger brought. Those that the trigger
// does not ask for and that have no default are left out, as in Orca.
func resolveArtifacts(config, trigger map[string]any) error {
	var expected []expectation
	if err := decode(listOf(config, "expectedArtifacts"), &expected); err != nil {
		return badRequest("expectedArtifacts: %v", err)
	}
	asked := map[any]bool{}
	for _, id := range listOf(trigger, "expectedArtifactIds") {
		asked[id] = true
	}
	received := listOf(trigger, "artifacts")
	all, resolved := append([]any{}, received...), []any{}
	for _, e := range expected {
		if !asked[e.ID] && !e.UseDefault && !e.UsePrior {
			continue
		}
		var err error
		if e.Bound, err = e.bind(received); err != nil {
			return err
		}
		all = append(all, e.Bound)
		var view map[string]any
		if err := decode(e, &view); err != nil {
			return err
		}
		resolved = append(resolved, view)
	}
	trigger["artifacts"], trigger["resolvedExpectedArtifacts"] = all, resolved
	return nil
}

// inputArtifact is how a stage names an artifact: by the id of an expected one, or in full.
type inputArtifact struct {
	ID       string         `json:"id"`
	Account  string         `json:"account"`
	Artifact map[string]any `json:"artifact"`
}

// boundArtifact finds what the stage means, with its expressions evaluated.
func (r *stageRun) boundArtifact(in inputArtifact) (artifact, error) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	object := in.Artifact
	if in.ID != "" {
		object = r.bound(in.ID)
	}
	if len(object) == 0 {
		return artifact{}, fmt.Errorf("input artifact (id: %s, account: %s) could not be found in execution (id: %s)", in.ID, in.Account, r.execution.ID)
	}
	rendered, failures := spel.Render(object, r.server.env(r.execution, r.stage))
	if len(failures) > 0 {
		return artifact{}, fmt.Errorf("artifact %s: %s: %s", textOf(object, "name"), failures[0].Expression, failures[0].Reason)
	}
	var a artifact
	if err := decode(rendered, &a); err != nil {
		return artifact{}, fmt.Errorf("artifact %s: %w", textOf(object, "name"), err)
	}
	if in.Account != "" {
		a.Account = in.Account
	}
	return a, nil
}

// bound looks for an expected artifact in the stage, the stages before it, and the trigger.
func (r *stageRun) bound(id string) map[string]any {
	lists := [][]any{listOf(r.stage.Context, "resolvedExpectedArtifacts")}
	for _, before := range r.execution.ancestors(r.stage) {
		lists = append(lists, listOf(before.Outputs, "resolvedExpectedArtifacts"))
	}
	for _, list := range append(lists, listOf(r.execution.Trigger, "resolvedExpectedArtifacts")) {
		for _, e := range list {
			if expected, ok := e.(map[string]any); ok && textOf(expected, "id") == id {
				return objectOf(expected, "boundArtifact")
			}
		}
	}
	return nil
}

// produced are the outputs of a stage that made artifacts: the artifacts, and the stage's expected ones bound
// to them.
func (r *stageRun) produced(made ...artifact) (map[string]any, error) {
	var artifacts []any
	if err := decode(made, &artifacts); err != nil {
		return nil, err
	}
	var expected []expectation
	if err := decode(listOf(r.context, "expectedArtifacts"), &expected); err != nil {
		return nil, err
	}
	resolved := []any{}
	for _, e := range expected {
		var err error
		if e.Bound, err = e.bind(artifacts); err != nil {
			return nil, err
		}
		var view map[string]any
		if err := decode(e, &view); err != nil {
			return nil, err
		}
		resolved = append(resolved, view)
	}
	return map[string]any{"artifacts": artifacts, "resolvedExpectedArtifacts": resolved}, nil
}

// isFile tells whether the artifact is a file of a git repository.
func (a artifact) isFile() bool {
	switch a.Type {
	case "git/file", "github/file", "gitlab/file", "bitbucket/file":
		return true
	default:
		return false
	}
}

func (a artifact) String() string {
	return strings.TrimSpace(a.Type + " " + a.Reference + " " + a.Version)
}
