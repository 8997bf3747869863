package estate

import (
	"errors"
	"fmt"
)

// maxLabel is the longest DNS-1123 label, in bytes (RFC 1123, section 2.1).
const maxLabel = 63

// label is a DNS-1123 label: the strictest of the rules that Kubernetes, Spinnaker, Vault and git put on a
// name, so one name serves in all four.
type label struct{ s string }

func (l label) String() string               { return l.s }
func (l label) IsZero() bool                 { return l.s == "" }
func (l label) MarshalText() ([]byte, error) { return []byte(l.s), nil }

func parseLabel(kind, s string) (label, error) {
	if s == "" {
		return label{}, fmt.Errorf("%s name is empty", kind)
	}
	if len(s) > maxLabel {
		return label{}, fmt.Errorf("%s name %q is longer than %d characters", kind, s[:maxLabel]+"...", maxLabel)
	}
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && (c != '-' || i == 0 || i == len(s)-1) {
			return label{}, fmt.Errorf("%s name %q is not a DNS-1123 label: use lower-case letters, digits and '-', starting and ending with a letter or digit", kind, s)
		}
	}
	return label{s}, nil
}

func isAlphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

type (
	// ProductName names a product: one migration moves one product.
	ProductName struct{ label }
	// NamespaceName names a Kubernetes namespace.
	NamespaceName struct{ label }
	// ServiceName names a service; it is unique within its product, because it is also the service's
	// Spinnaker application.
	ServiceName struct{ label }
	// StackName names a stack, such as prod.
	StackName struct{ label }
	// ClusterName names a Kubernetes cluster.
	ClusterName struct{ label }
	// ChartName names a chart of cutover.yaml.
	ChartName struct{ label }
	// TemplateName names a pipeline template of cutover.yaml.
	TemplateName struct{ label }
	// MigrationName names a migration: its directory below migrations/.
	MigrationName struct{ label }
)

// ParseProductName returns s as a product's name, or an error if it is no DNS-1123 label.
func ParseProductName(s string) (ProductName, error) {
	l, err := parseLabel("product", s)
	return ProductName{l}, err
}

// ParseNamespaceName returns s as a namespace's name, or an error if it is no DNS-1123 label.
func ParseNamespaceName(s string) (NamespaceName, error) {
	l, err := parseLabel("namespace", s)
	return NamespaceName{l}, err
}

// ParseServiceName returns s as a service's name, or an error if it is no DNS-1123 label.
func ParseServiceName(s string) (ServiceName, error) {
	l, err := parseLabel("service", s)
	return ServiceName{l}, err
}

// ParseStackName returns s as a stack's name, or an error if it is no DNS-1123 label.
func ParseStackName(s string) (StackName, error) {
	l, err := parseLabel("stack", s)
	return StackName{l}, err
}

// ParseClusterName returns s as a cluster's name, or an error if it is no DNS-1123 label.
func ParseClusterName(s string) (ClusterName, error) {
	l, err := parseLabel("cluster", s)
	return ClusterName{l}, err
}

// ParseChartName returns s as a chart's name, or an error if it is no DNS-1123 label.
func ParseChartName(s string) (ChartName, error) {
	l, err := parseLabel("chart", s)
	return ChartName{l}, err
}

// ParseTemplateName returns s as a pipeline template's name, or an error if it is no DNS-1123 label.
func ParseTemplateName(s string) (TemplateName, error) {
	l, err := parseLabel("template", s)
	return TemplateName{l}, err
}

// ParseMigrationName returns s as a migration's name, or an error if it is no DNS-1123 label.
func ParseMigrationName(s string) (MigrationName, error) {
	l, err := parseLabel("migration", s)
	return MigrationName{l}, err
}

// maxVersion is the longest image tag, in bytes (OCI distribution specification, "tag").
const maxVersion = 128

// Version is an image version: the tag that a service's image carries. It is a parameter of the pipelines,
// never a value in git, except where a migration pins it in versions.yaml.
type Version struct{ s string }

// ParseVersion returns s as a version, or an error if it is no valid image tag.
func ParseVersion(s string) (Version, error) {
	if s == "" {
		return Version{}, errors.New("version is empty")
	}
	if len(s) > maxVersion {
		return Version{}, fmt.Errorf("version is longer than %d characters", maxVersion)
	}
	for i := range len(s) {
		c := s[i]
		word := isAlphanumeric(c) || 'A' <= c && c <= 'Z' || c == '_'
		if !word && (i == 0 || c != '.' && c != '-') {
			return Version{}, fmt.Errorf("version %q is not an image tag", s)
		}
	}
	return Version{s}, nil
}

func (v Version) String() string               { return v.s }
func (v Version) IsZero() bool                 { return v.s == "" }
func (v Version) MarshalText() ([]byte, error) { return []byte(v.s), nil }

// Must returns v, or panics if err is not nil. It is for names written in the program's own source.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
