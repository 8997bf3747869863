package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	helm "helm.sh/helm/v3/pkg/registry"
	"oras.land/oras-go/v2/registry"

	"cutover/gitops/estate"
)

// tag is what a tag meant when it was last asked for.
type tag struct {
	digest digest.Digest
	asked  time.Time
}

// chart returns the files of a chart: from memory, from disk or from the registry.
func (r *Registry) chart(ctx context.Context, ref registry.Reference) ([]estate.File, error) {
	manifest, err := r.resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	if files, ok := r.charts.Get(manifest); ok {
		return files.([]estate.File), nil
	}
	archive, ok := r.archive(manifest)
	if !ok {
		ref.Reference = manifest.String()
		if archive, err = r.pull(ctx, ref); err != nil {
			return nil, err
		}
	}
	files, err := unpack(archive)
	if err != nil {
		return nil, err
	}
	r.charts.Add(manifest, files)
	return files, nil
}

// resolve returns the digest of the manifest that a reference means.
func (r *Registry) resolve(ctx context.Context, ref registry.Reference) (digest.Digest, error) {
	if pinned, err := ref.Digest(); err == nil {
		return pinned, nil
	}
	now := r.config.Now()
	if known, ok := r.tags.Get(ref.String()); ok && now.Sub(known.(tag).asked) < r.config.TagTTL {
		return known.(tag).digest, nil
	}
	client, err := r.client(ctx, ref.Registry)
	if err != nil {
		return "", err
	}
	manifest, err := client.Resolve(ref.String())
	if err != nil {
		return "", err
	}
	r.tags.Add(ref.String(), tag{manifest.Digest, now})
	return manifest.Digest, nil
}

// archive returns the packed chart of a manifest if both are on disk, and whole.
func (r *Registry) archive(manifest digest.Digest) ([]byte, bool) {
	data, ok := r.kept.get(manifest)
	if !ok {
		return nil, false
	}
	var m ocispec.Manifest
	if json.Unmarshal(data, &m) != nil {
		return nil, false
	}
	for _, layer := range m.Layers {
		if layer.MediaType == helm.ChartLayerMediaType || layer.MediaType == helm.LegacyChartLayerMediaType {
			return r.kept.get(layer.Digest)
		}
	}
	return nil, false
}

// pull fetches the packed chart that a reference with a digest names, and keeps it on disk.
func (r *Registry) pull(ctx context.Context, ref registry.Reference) ([]byte, error) {
	client, err := r.client(ctx, ref.Registry)
	if err != nil {
		return nil, err
	}
	pulled, err := client.Pull(ref.String())
	if err != nil {
		return nil, err
	}
	// The manifest is last: what it names is there by then.
	if err := r.kept.put(digest.Digest(pulled.Chart.Digest), pulled.Chart.Data); err != nil {
		return nil, err
	}
	if err := r.kept.put(digest.Digest(ref.Reference), pulled.Manifest.Data); err != nil {
		return nil, err
	}
	return pulled.Chart.Data, nil
}

// client makes a client of Helm for one call of one registry. Helm's client takes no context, so it gets a transport
// that knows it; and it reads the credential files when it is made, so that a password changed there counts.
func (r *Registry) client(ctx context.Context, host string) (*helm.Client, error) {
	options := []helm.ClientOption{
		helm.ClientOptHTTPClient(&http.Client{Transport: bind(ctx, r.http)}),
		helm.ClientOptEnableCache(true), // of the token, for the requests of this call
	}
	if r.config.Username != "" && host == r.config.Host {
		options = append(options, helm.ClientOptBasicAuth(r.config.Username, string(r.config.Password)))
	}
	if slices.Contains(r.config.PlainHTTP, host) {
		options = append(options, helm.ClientOptPlainHTTP())
	}
	client, err := helm.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("read helm's credentials: %w", err)
	}
	return client, nil
}
