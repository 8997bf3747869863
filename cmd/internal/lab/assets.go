package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// assets are files that the servers need beside their programs. They are read from Go's module cache, in the versions
// that the build modules pin.
type assets struct {
	stages     []string // kwok's descriptions of how Nodes and Pods live: paths of files
	giteaPages string   // the directory of Gitea's pages and texts; "" when they are in the program
	mesh       []apiextensionsv1.CustomResourceDefinition
}

// loadAssets gathers the assets. A stock Gitea has its pages inside; one that was built from the module reads them from
// the module's directory.
func loadAssets(ctx context.Context, modules string, stockGitea bool) (assets, error) {
	var a assets
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		a.stages, err = kwokStages(ctx, modules)
		return err
	})
	group.Go(func() (err error) {
		a.mesh, err = meshDefinitions(ctx, modules)
		return err
	})
	if !stockGitea {
		group.Go(func() (err error) {
			a.giteaPages, err = moduleDir(ctx, filepath.Join(modules, "gitea"), "code.gitea.io/gitea")
			return err
		})
	}
	return a, group.Wait()
}

// kwokStages returns the stages that kwok's own releases use, with node leases.
func kwokStages(ctx context.Context, modules string) ([]string, error) {
	dir, err := moduleDir(ctx, filepath.Join(modules, "kwok"), "sigs.k8s.io/kwok")
	if err != nil {
		return nil, err
	}
	var files []string
	// The names leave out the kustomizations that lie beside the stages.
	for _, pattern := range []string{"node/fast/node-*.yaml", "node/heartbeat-with-lease/node-*.yaml", "pod/fast/pod-*.yaml"} {
		pattern = filepath.Join(dir, "kustomize", "stage", filepath.FromSlash(pattern))
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("find kwok's stages: no file matches %s: %w", pattern, fs.ErrNotExist)
		}
		files = append(files, found...)
	}
	return files, nil
}

// meshDefinitions reads the custom resources that Istio's API module publishes.
func meshDefinitions(ctx context.Context, modules string) ([]apiextensionsv1.CustomResourceDefinition, error) {
	dir, err := moduleDir(ctx, filepath.Join(modules, "istio"), "istio.io/api")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "kubernetes", "customresourcedefinitions.gen.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read Istio's custom resources: %w", err)
	}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	var definitions []apiextensionsv1.CustomResourceDefinition
	for {
		var definition apiextensionsv1.CustomResourceDefinition
		err := decoder.Decode(&definition)
		if errors.Is(err, io.EOF) {
			return definitions, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read Istio's custom resources in %s: %w", file, err)
		}
		if definition.Name != "" { // the file has empty documents
			definitions = append(definitions, definition)
		}
	}
}
