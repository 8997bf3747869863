package pipeline_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"cutover/generator/pipeline"
)

// parse reads a document that a test writes as YAML. What a test leaves out of the names is filled in.
func parse(t *testing.T, text string) pipeline.Document {
	t.Helper()
	raw := map[string]any{"id": "1", "application": "api", "name": "deploy"}
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	d, err := pipeline.Normalize(raw)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		document string
		want     []string
	}{
		"nothing wrong": {document: `
parameterConfig: [{name: version}]
expectedArtifacts:
  - {id: chart, displayName: chart, matchArtifact: {type: git/repo}, defaultArtifact: {type: git/repo}, useDefaultArtifact: true}
stages:
  - {refId: freeze, type: checkPreconditions, preconditions: [{type: expression, context: {expression: '${parameters["version"] != ""}'}}]}
  - refId: bake
    requisiteStageRefIds: [freeze]
    type: bakeManifest
    templateRenderer: HELM3
    outputName: api
    inputArtifacts: [{id: chart, account: values}]
    expectedArtifacts: [{id: manifest, displayName: manifest, matchArtifact: {type: embedded/base64}}]
  - {refId: deploy, requisiteStageRefIds: [bake], type: deployManifest, account: a, cloudProvider: kubernetes, source: artifact, manifestArtifactId: manifest}
`},
		"blank names": {
			document: "{application: ' ', name: '', id: null}",
			want:     []string{"application is missing or no text", "name is missing or no text", "id is missing or no text"},
		},
		"stages no list": {document: "stages: {a: b}", want: []string{"stages is no list"}},
		"stage no object": {
			document: "stages: [x]",
			want:     []string{"stage 1: is no object"},
		},
		"no refId": {
			document: "stages: [{type: manualJudgment}, {refId: ' ', type: manualJudgment}]",
			want:     []string{"stage 1: refId is missing", `stage " ": refId is blank`},
		},
		"refId is a number": {
			document: "stages: [{refId: 1, type: manualJudgment}, {refId: '2', type: manualJudgment, requisiteStageRefIds: [1]}]",
			want: []string{
				"stage 1: refId 1 is no text: put it in quotes",
				`stage "2": requisiteStageRefIds holds 1, which is no text: put it in quotes`,
			},
		},
		"duplicate refId": {
			document: "stages: [{refId: a, type: manualJudgment}, {refId: a, type: manualJudgment}]",
			want:     []string{`stage "a": refId is used by stages 1 and 2`},
		},
		"unknown requisite": {
			document: "stages: [{refId: a, type: manualJudgment, requisiteStageRefIds: [b]}]",
			want:     []string{`stage "a": requires stage "b", which does not exist`},
		},
		"requisites no list": {
			document: "stages: [{refId: a, type: manualJudgment, requisiteStageRefIds: b}]",
			want:     []string{`stage "a": requisiteStageRefIds is no list`},
		},
		"requisite twice": {
			document: "stages: [{refId: a, type: manualJudgment}, {refId: b, type: manualJudgment, requisiteStageRefIds: [a, a]}]",
			want:     []string{`stage "b": requires stage "a" twice`},
		},
		"waits for itself": {
			document: "stages: [{refId: a, type: manualJudgment, requisiteStageRefIds: [a]}]",
			want:     []string{`stage "a": waits for itself: a -> a`},
		},
		"cycle": {
			document: `
stages:
  - {refId: start, type: manualJudgment}
  - {refId: a, type: manualJudgment, requisiteStageRefIds: [start, c]}
  - {refId: b, type: manualJudgment, requisiteStageRefIds: [a]}
  - {refId: c, type: manualJudgment, requisiteStageRefIds: [b]}`,
			want: []string{`stage "a": waits for itself: a -> c -> b -> a`},
		},
		"artifact not declared": {
			document: "stages: [{refId: a, type: deployManifest, account: a, cloudProvider: kubernetes, source: artifact, manifestArtifactId: m, requiredArtifactIds: [n]}]",
			want:     []string{`stage "a": uses artifact "m", which is not declared`, `stage "a": uses artifact "n", which is not declared`},
		},
		"artifact of a later stage": {
			document: `
stages:
  - {refId: bake, type: bakeManifest, templateRenderer: HELM3, outputName: api, expectedArtifacts: [{id: m, matchArtifact: {}}]}
  - {refId: deploy, type: deployManifest, account: a, cloudProvider: kubernetes, source: artifact, manifestArtifactId: m}`,
			want: []string{`stage "deploy": uses artifact "m" of stage "bake", which does not end before it: add it to requisiteStageRefIds`},
		},
		"artifacts cannot be told apart": {
			document: "expectedArtifacts: [{id: a, displayName: x, matchArtifact: {}}, {id: a, matchArtifact: {}}, {displayName: x, matchArtifact: {}}, {matchArtifact: {}}]",
			want: []string{
				`expected artifact "a" is declared twice`,
				`expected artifact with displayName "x" is declared twice`,
				"expected artifact 4 has neither id nor displayName",
			},
		},
		"artifact without content": {
			document: "expectedArtifacts: [{id: a, useDefaultArtifact: true}]",
			want:     []string{`expected artifact "a" has no matchArtifact`, `expected artifact "a" is to use its defaultArtifact and has none`},
		},
		"input artifact without id": {
			document: "stages: [{refId: b, type: bakeManifest, templateRenderer: HELM3, outputName: o, inputArtifacts: [{account: x}]}]",
			want:     []string{`stage "b": input artifact 1 has neither id nor artifact`},
		},
		"bake makes two": {
			document: "stages: [{refId: b, type: bakeManifest, templateRenderer: HELM3, outputName: o, inputArtifacts: [], expectedArtifacts: [{id: a, matchArtifact: {}}, {id: b, matchArtifact: {}}]}]",
			want: []string{
				`stage "b": inputArtifacts is empty: the chart comes first, then the values files`,
				`stage "b": bakeManifest makes exactly one artifact, and expectedArtifacts lists 2`,
			},
		},
		"trigger": {
			document: "triggers: [{type: pubsub, expectedArtifactIds: [x]}]",
			want:     []string{`trigger 1 expects artifact "x", which is not declared`, "trigger 1 has no enabled: Spinnaker takes that for disabled, so say which"},
		},
		"parameters": {
			document: `
parameterConfig: [{name: known}, {name: known}, {label: x}]
description: '${parameters["a"]}'
stages:
  - {refId: s, type: manualJudgment, instructions: "${trigger['parameters']['b']} ${parameters.known ? parameters?.c : parameters.get('x')} ${#stage('s').context.parameters.no}"}
  - {refId: t, type: manualJudgment, stageEnabled: {type: expression, expression: "parameters['d'] == 'x'"}, instructions: "parameters['text'] is no expression"}`,
			want: []string{
				`parameter "known" is declared twice`,
				"parameter 3 has no name",
				`reads parameter "a", which parameterConfig does not declare`,
				`stage "s": reads parameter "b", which parameterConfig does not declare`,
				`stage "s": reads parameter "c", which parameterConfig does not declare`,
				`stage "t": reads parameter "d", which parameterConfig does not declare`,
			},
		},
		"plugin stage passes": {document: "stages: [{refId: a, type: somePlugin}]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, err := range pipeline.Check(parse(t, test.document)) {
				got = append(got, err.Error())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckStageFields(t *testing.T) {
	tests := map[string][]string{ // a stage, and what is wrong with it
		"{}":                     {"type is missing"},
		"{type: bakeManifest}":   {"bakeManifest needs templateRenderer", "bakeManifest needs outputName"},
		"{type: deployManifest}": {"deployManifest needs account", "deployManifest needs cloudProvider", "deployManifest needs source"},
		"{type: deployManifest, account: a, cloudProvider: kubernetes, source: file}":                {"source is file: use text, artifact"},
		"{type: deployManifest, account: a, cloudProvider: kubernetes, source: text}":                {"source text needs manifests"},
		"{type: scaleManifest, account: a, location: ns, manifestName: deployment api, replicas: 0}": nil,
		"{type: scaleManifest, account: a, location: ns, manifestName: api}":                         {"scaleManifest needs replicas", `manifestName "api" is not "<kind> <name>"`},
		"{type: disableManifest}":                                              {"disableManifest needs account", "disableManifest needs location", "disableManifest needs manifestName"},
		"{type: deleteManifest, account: a, location: ns}":                     {"deleteManifest needs manifestName or labelSelectors"},
		"{type: deleteManifest, account: a, location: ns, labelSelectors: {}}": nil,
		"{type: patchManifest, account: a, location: n, manifestName: 'service x', source: text, options: {mergeStrategy: x}}": {"source text needs patchBody", "options.mergeStrategy is x: use strategic, json, merge"},
		"{type: manualJudgment, judgmentInputs: [{}]}":  {"judgmentInputs 1 has no value"},
		"{type: checkPreconditions, preconditions: []}": {"preconditions is empty"},
		"{type: checkPreconditions, preconditions: [{}, {type: expression}, {type: stageStatus, context: {stageName: x}}]}": {
			"precondition 1 has no type", "precondition 2 has no context.expression", "precondition 3 needs context.stageName and context.stageStatus"},
		"{type: wait}":                                             {"wait needs waitTime"},
		"{type: wait, waitTime: 5m}":                               {`waitTime "5m" is no number of seconds`},
		"{type: wait, waitTime: -1}":                               {"waitTime -1 is negative"},
		"{type: wait, waitTime: [1]}":                              {"waitTime [1] is no number of seconds"},
		"{type: wait, waitTime: '${1 + 1}'}":                       nil,
		"{type: evaluateVariables, variables: [{key: a}]}":         {"variables 1 has no value"},
		"{type: pipeline}":                                         {"pipeline needs application", "pipeline needs pipeline"},
		"{type: webhook, url: ' ', method: GET}":                   {"webhook needs url"},
		"{type: jenkins, master: m}":                               {"jenkins needs job"},
		"{type: manualJudgment, stageEnabled: {}}":                 nil,
		"{type: manualJudgment, stageEnabled: {type: expression}}": {"stageEnabled has no expression"},
	}
	for stage, want := range tests {
		t.Run(stage, func(t *testing.T) {
			d := parse(t, "stages: ["+strings.Replace(stage, "{", "{refId: s, ", 1)+"]")
			var got []string
			for _, err := range pipeline.Check(d) {
				got = append(got, strings.TrimPrefix(err.Error(), `stage "s": `))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}
