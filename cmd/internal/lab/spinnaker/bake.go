package spinnaker

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
)

// bakeConfig are the fields of a bakeManifest stage.
type bakeConfig struct {
	TemplateRenderer string          `json:"templateRenderer"`
	OutputName       string          `json:"outputName"`
	Namespace        string          `json:"namespace"`
	InputArtifacts   []inputArtifact `json:"inputArtifacts"`
	Overrides        map[string]any  `json:"overrides"`
	RawOverrides     bool            `json:"rawOverrides"`
	Expected         []expectation   `json:"expectedArtifacts"`
	IncludeCRDs      bool            `json:"includeCRDs"`
	KubeVersion      string          `json:"kubeVersion"`
	APIVersions      string          `json:"apiVersions"`
	ChartFilePath    string          `json:"helmChartFilePath"`
}

// bake renders a chart as Rosco does, by `helm template`: the first input artifact is the chart, the others are
// values files, and the overrides win over both.
func bake(ctx context.Context, r *stageRun) (outcome, error) {
	var c bakeConfig
	if err := decode(r.context, &c); err != nil {
		return outcome{}, err
	}
	switch {
	case !strings.EqualFold(c.TemplateRenderer, "HELM3"):
		return outcome{}, fmt.Errorf("the stand-in bakes with HELM3 only, not with %q", c.TemplateRenderer)
	case len(c.InputArtifacts) == 0:
		return outcome{}, errors.New("at least one input artifact to bake must be supplied")
	case len(c.Expected) != 1:
		return outcome{}, errors.New("the Bake (Manifest) stage produces one embedded base64 artifact: its expectedArtifacts must name exactly one")
	}
	inputs := make([]artifact, len(c.InputArtifacts))
	for i, in := range c.InputArtifacts {
		var err error
		if inputs[i], err = r.boundArtifact(in); err != nil {
			return outcome{}, err
		}
	}
	chart, err := r.server.chart(ctx, inputs[0], c.ChartFilePath)
	if err != nil {
		return outcome{}, fmt.Errorf("failed to fetch helm template: %w", err)
	}
	merged, err := r.server.values(ctx, inputs[1:], c)
	if err != nil {
		return outcome{}, err
	}
	manifest, err := helmTemplate(c, chart, merged)
	if err != nil {
		return outcome{}, fmt.Errorf("bake of %s failed: %w", c.OutputName, err)
	}
	outputs, err := r.produced(embed(textOf(c.Expected[0].Match, "name"), manifest))
	return outcome{context: outputs, outputs: outputs}, err
}

// chart loads the chart that an artifact names.
func (s *Server) chart(ctx context.Context, a artifact, inside string) (*chart.Chart, error) {
	switch a.Type {
	case "git/repo":
		if inside != "" {
			a.Metadata = maps.Clone(a.Metadata)
			if a.Metadata == nil {
				a.Metadata = map[string]any{}
			}
			a.Metadata["subPath"] = strings.TrimSuffix(inside, "Chart.yaml")
		}
		files, err := s.git.files(ctx, a)
		if err != nil {
			return nil, err
		}
		return loader.LoadFiles(files)
	case "helm/chart":
		found, ok := s.charts(a.Name)
		if !ok {
			return nil, fmt.Errorf("no chart is named %q", a.Name)
		}
		var files []*loader.BufferedFile
		for _, f := range found {
			files = append(files, &loader.BufferedFile{Name: f.Path, Data: f.Data})
		}
		return loader.LoadFiles(files)
	default:
		data, err := s.content(ctx, a) // a chart as an archive
		if err != nil {
			return nil, err
		}
		return loader.LoadArchive(bytes.NewReader(data))
	}
}

// content reads the bytes that an artifact names.
func (s *Server) content(ctx context.Context, a artifact) ([]byte, error) {
	switch {
	case a.Type == embedded:
		return base64.StdEncoding.DecodeString(a.Reference)
	case a.isFile():
		return s.git.file(ctx, a)
	default:
		return nil, fmt.Errorf("the stand-in cannot fetch an artifact of type %s", a.Type)
	}
}
