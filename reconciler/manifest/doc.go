// Package manifest renders a service in a stack into Kubernetes objects: charts, values and version in, ordered
// objects out. Helm is used as a template engine only: nothing is looked up in a cluster, nothing is installed.
package manifest
