package estate

import (
	"cmp"
	"slices"
	"strings"
)

// File is one file of a repository: its slash-separated path from the root, and its content.
type File struct {
	Path string
	Data []byte
}

// Estate is everything a values repository says at one revision. Lists are sorted by name, except Charts.
type Estate struct {
	Clusters   []Cluster
	Charts     []Chart // in the order in which they are rendered
	Templates  []Template
	Products   []Product
	Services   []Service
	Migrations []Migration
	// Linked are the paths that were read through symbolic links: the links and what they lead to, sorted. A path
	// that ends in "/" stands for everything below it. Who reads what through them is not told.
	Linked []string
}

// Cluster is a Kubernetes cluster as the values repository knows it: by names only. Its address and
// credentials are in the daemon's own configuration.
type Cluster struct {
	Name    ClusterName
	Account string // the Spinnaker account that deploys to it
	Secrets string // the Vault path below which its secrets live
}

// SourceKind says where a chart or a template comes from.
type SourceKind int

const (
	// FromPath is a path in the values repository.
	FromPath SourceKind = iota + 1
	// FromBuiltin is a chart or template embedded in the program.
	FromBuiltin
	// FromOCI is a chart in an OCI registry.
	FromOCI
)

// Source is the parsed form of "PATH", "builtin:NAME" or "oci://HOST/NAME:VERSION".
type Source struct {
	Kind SourceKind
	Ref  string // the path, the built-in's name, or the whole oci:// reference
}

func (s Source) String() string {
	if s.Kind == FromBuiltin {
		return "builtin:" + s.Ref
	}
	return s.Ref
}

// Chart is a Helm chart that every service is rendered with.
type Chart struct {
	Name ChartName
	From Source
	// Files are the chart's files, by paths relative to the chart's root. They are empty for FromOCI
	// until a registry has been asked.
	Files []File
}

// Template is a pipeline template: a Go template that makes one pipeline per (service, stack).
type Template struct {
	Name TemplateName
	From Source
	Path string // where Text stands, for error messages: a path in the repository or "builtin:NAME"
	Text string
}

// Product is a set of services that moves as one.
type Product struct {
	Name   ProductName
	Stacks []Stack
}

// DeployMode says who applies a stack's objects.
type DeployMode int

const (
	// ByPipeline deploys each service through its Spinnaker pipeline.
	ByPipeline DeployMode = iota
	// Direct lets the reconciler apply the objects itself.
	Direct
)

func (m DeployMode) String() string {
	if m == Direct {
		return "direct"
	}
	return "pipeline"
}

// MarshalText writes the mode as it stands in cutover.yaml.
func (m DeployMode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// Stack is one deployment of a product, in one cluster.
type Stack struct {
	Name    StackName
	Cluster ClusterName
	Deploy  DeployMode
	// Migration is the migration that added this stack, or zero for a stack of cutover.yaml.
	Migration MigrationName
}

// ServiceID tells services apart. Within a product the name alone does, too.
type ServiceID struct {
	Product   ProductName   `json:"product"`
	Namespace NamespaceName `json:"namespace"`
	Name      ServiceName   `json:"name"`
}

func (id ServiceID) String() string {
	return id.Product.String() + "/" + id.Namespace.String() + "/" + id.Name.String()
}

// Compare orders ids by product, namespace and name.
func (id ServiceID) Compare(other ServiceID) int {
	return strings.Compare(id.String(), other.String())
}

// Service is one deployable program of a product.
type Service struct {
	ServiceID
	Class      Class
	Team       string
	Repository string // the service's own git repository, such as orbit/api
	Path       string // its directory in the values repository
	Shared     ValuesFile
	Stacks     []ServiceStack
}

// ServiceStack is a service in one stack.
type ServiceStack struct {
	Name      StackName
	Pipelines []TemplateName
	// Parameters are given to the service's templates. They are JSON values.
	Parameters map[string]any
	Values     ValuesFile
	// Version is the pinned image version (versions.yaml), or zero where none is pinned.
	Version Version
}

// ValuesFile is one values file. A file that does not exist has its path, and no Source.
type ValuesFile struct {
	Path   string
	Source []byte         // as people wrote it, comments included
	Values map[string]any // JSON values
}

// Exists tells whether the file is in the repository.
func (f ValuesFile) Exists() bool { return f.Source != nil }

// ValuesFiles are the values files of a service in a stack, in the order in which they are merged: a later
// file wins. Files that do not exist are left out.
func (s *Service) ValuesFiles(stack ServiceStack) []ValuesFile {
	var files []ValuesFile
	for _, f := range []ValuesFile{s.Shared, stack.Values} {
		if f.Exists() {
			files = append(files, f)
		}
	}
	return files
}

// Stack returns the service's entry for a stack.
func (s *Service) Stack(name StackName) (ServiceStack, bool) {
	return find(s.Stacks, name, func(st ServiceStack) StackName { return st.Name })
}

// Stack returns the product's stack of that name.
func (p *Product) Stack(name StackName) (Stack, bool) {
	return find(p.Stacks, name, func(st Stack) StackName { return st.Name })
}

// Cluster returns the cluster of that name.
func (e *Estate) Cluster(name ClusterName) (Cluster, bool) {
	return find(e.Clusters, name, func(c Cluster) ClusterName { return c.Name })
}

// Template returns the pipeline template of that name.
func (e *Estate) Template(name TemplateName) (Template, bool) {
	return find(e.Templates, name, func(t Template) TemplateName { return t.Name })
}

// Product returns the product of that name.
func (e *Estate) Product(name ProductName) (Product, bool) {
	return find(e.Products, name, func(p Product) ProductName { return p.Name })
}

// Migration returns the migration of that name.
func (e *Estate) Migration(name MigrationName) (Migration, bool) {
	return find(e.Migrations, name, func(m Migration) MigrationName { return m.Name })
}

// Service returns the product's service of that name.
func (e *Estate) Service(product ProductName, name ServiceName) (Service, bool) {
	for _, s := range e.Services {
		if s.Product == product && s.Name == name {
			return s, true
		}
	}
	return Service{}, false
}

// InStack returns the product's services that have the stack, sorted by id.
func (e *Estate) InStack(product ProductName, stack StackName) []Service {
	var out []Service
	for _, s := range e.Services {
		if _, ok := s.Stack(stack); ok && s.Product == product {
			out = append(out, s)
		}
	}
	return out
}

// Sort puts every list into its order, so that equal estates are equal to the byte wherever they are printed.
func (e *Estate) Sort() {
	sortBy(e.Clusters, func(c Cluster) string { return c.Name.String() })
	sortBy(e.Templates, func(t Template) string { return t.Name.String() })
	sortBy(e.Products, func(p Product) string { return p.Name.String() })
	sortBy(e.Services, func(s Service) string { return s.ServiceID.String() })
	sortBy(e.Migrations, func(m Migration) string { return m.Name.String() })
	for i := range e.Products {
		sortBy(e.Products[i].Stacks, func(s Stack) string { return s.Name.String() })
	}
	for i := range e.Services {
		sortBy(e.Services[i].Stacks, func(s ServiceStack) string { return s.Name.String() })
	}
}

func sortBy[T any](list []T, key func(T) string) {
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}

func find[T any, K comparable](list []T, key K, of func(T) K) (T, bool) {
	for _, v := range list {
		if of(v) == key {
			return v, true
		}
	}
	var zero T
	return zero, false
}
