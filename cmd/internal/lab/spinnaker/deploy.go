package spinnaker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/releaseutil"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"cutover/cmd/internal/lab/spinnaker/spel"
)

// deployConfig are the fields of a deployManifest stage.
type deployConfig struct {
	Source             string           `json:"source"`
	Manifests          []map[string]any `json:"manifests"`
	ManifestArtifactID string           `json:"manifestArtifactId"`
	ManifestArtifact   map[string]any   `json:"manifestArtifact"`
	ArtifactAccount    string           `json:"manifestArtifactAccount"`
	NamespaceOverride  string           `json:"namespaceOverride"`
	SkipExpressions    bool             `json:"skipExpressionEvaluation"`
	Moniker            struct {
		App string `json:"app"`
	} `json:"moniker"`
}

// deployManifest applies objects to a cluster in an order that lets later ones use earlier ones, and waits until
// all are stable.
func deployManifest(ctx context.Context, r *stageRun) (outcome, error) {
	account, err := r.account()
	if err != nil {
		return outcome{}, err
	}
	var c deployConfig
	if err := decode(r.context, &c); err != nil {
		return outcome{}, err
	}
	if c.Moniker.App == "" {
		c.Moniker.App = r.execution.Application
	}
	objects, err := r.manifests(ctx, c)
	if err != nil {
		return outcome{}, err
	}
	for _, o := range objects {
		if err := account.setNamespace(o, c.NamespaceOverride); err != nil {
			return outcome{}, fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int { return rank(a) - rank(b) })
	renamed := renames{}
	var applied []*unstructured.Unstructured
	names := map[string]any{}
	for _, o := range objects {
		if err := account.version(ctx, o, renamed); err != nil {
			return outcome{}, deployFailed(o, err)
		}
		renamed.replaceIn(o)
		annotate(o, c.Moniker.App)
		live, err := account.apply(ctx, o)
		if err != nil {
			return outcome{}, deployFailed(o, err)
		}
		applied = append(applied, live)
		ofNamespace, _ := names[live.GetNamespace()].([]any)
		names[live.GetNamespace()] = append(ofNamespace, strings.ToLower(live.GetKind())+" "+live.GetName())
	}
	outputs := map[string]any{"outputs.manifestNamesByNamespace": names, "manifestNamesByNamespace": names}
	for _, o := range applied {
		if err := account.awaitStable(ctx, o); err != nil {
			return outcome{context: outputs}, err
		}
	}
	return outcome{context: outputs, outputs: outputs}, nil
}

func deployFailed(o *unstructured.Unstructured, err error) error {
	return fmt.Errorf("deploy failed for manifest %s %s: %w", strings.ToLower(o.GetKind()), o.GetName(), err)
}

// rank orders kinds as Helm installs them.
func rank(o *unstructured.Unstructured) int {
	if i := slices.Index(releaseutil.InstallOrder, o.GetKind()); i >= 0 {
		return i
	}
	return len(releaseutil.InstallOrder)
}

// manifests are the objects that the stage is to deploy.
func (r *stageRun) manifests(ctx context.Context, c deployConfig) ([]*unstructured.Unstructured, error) {
	if c.Source != "artifact" {
		var objects []*unstructured.Unstructured
		for _, m := range c.Manifests {
			objects = append(objects, &unstructured.Unstructured{Object: m})
		}
		return flat(objects)
	}
	if c.ManifestArtifactID == "" && len(c.ManifestArtifact) == 0 {
		return nil, errors.New("no manifest artifact was specified")
	}
	a, err := r.boundArtifact(inputArtifact{ID: c.ManifestArtifactID, Artifact: c.ManifestArtifact, Account: c.ArtifactAccount})
	if err != nil {
		return nil, err
	}
	data, err := r.server.content(ctx, a)
	if err != nil {
		return nil, err
	}
	objects, err := parseObjects(data)
	if err != nil || c.SkipExpressions {
		return objects, err
	}
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	env := r.server.env(r.execution, r.stage)
	for _, o := range objects {
		rendered, failures := spel.Render(o.Object, env)
		if len(failures) > 0 {
			return nil, fmt.Errorf("failed on evaluation of %s: %s", failures[0].Expression, failures[0].Reason)
		}
		o.Object, _ = rendered.(map[string]any)
	}
	return objects, nil
}

// parseObjects reads objects from YAML documents.
func parseObjects(data []byte) ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	var objects []*unstructured.Unstructured
	for {
		object := map[string]any{}
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			return flat(objects)
		}
		if err != nil {
			return nil, fmt.Errorf("manifest: %w", err)
		}
		if len(object) > 0 {
			objects = append(objects, &unstructured.Unstructured{Object: object})
		}
	}
}

// flat replaces lists of objects by what they hold, and checks that each is an object.
func flat(objects []*unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for _, o := range objects {
		if o.IsList() {
			list, err := o.ToList()
			if err != nil {
				return nil, fmt.Errorf("manifest: %w", err)
			}
			for i := range list.Items {
				out = append(out, &list.Items[i])
			}
			continue
		}
		if o.GetKind() == "" || o.GetAPIVersion() == "" || o.GetName() == "" {
			return nil, errors.New("manifest: an object needs apiVersion, kind and metadata.name")
		}
		out = append(out, o)
	}
	return out, nil
}
