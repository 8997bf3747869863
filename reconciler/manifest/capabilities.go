package manifest

// Capabilities is what templates may ask of the cluster that they are rendered for.
type Capabilities struct {
	KubeVersion string   // such as v1.37.2
	APIVersions []string // such as apps/v1 and apps/v1/Deployment, sorted
	// ClusterScoped are the kinds that have no namespace, as "kind.group", such as
	// ClusterRole.rbac.authorization.k8s.io or Namespace; sorted.
	ClusterScoped []string
}
