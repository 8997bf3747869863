package registry

import (
	"errors"
	"strings"

	helm "helm.sh/helm/v3/pkg/registry"
	"oras.land/oras-go/v2/registry"
)

// errReference does not show the reference, because people put credentials into one.
var errReference = errors.New("a chart in a registry is oci://HOST/NAME:VERSION or oci://HOST/NAME:VERSION@sha256:DIGEST, without credentials")

// parseReference reads a reference. Where it names a digest, its tag is only for people and is left out.
func parseReference(s string) (registry.Reference, error) {
	name, ok := strings.CutPrefix(s, helm.OCIScheme+"://")
	if !ok {
		return registry.Reference{}, errReference
	}
	// A tag cannot hold the + of a semantic version: Helm pushes and pulls it as _.
	if at := strings.LastIndexByte(name, ':'); at > strings.LastIndexByte(name, '/') {
		name = name[:at] + strings.ReplaceAll(name[at:], "+", "_")
	}
	ref, err := registry.ParseReference(name)
	if err != nil || ref.Reference == "" {
		return registry.Reference{}, errReference
	}
	return ref, nil
}

func isHost(s string) bool {
	return (&registry.Reference{Registry: s}).ValidateRegistry() == nil
}
