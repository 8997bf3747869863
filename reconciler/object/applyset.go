package object

import (
	"crypto/sha256"
	"encoding/base64"
)

// Labels and annotations of the ApplySet specification (KEP-3659, "Design Details: ApplySet Specification").
const (
	// LabelSetID makes a ConfigMap the parent of an ApplySet. Its value is the set's ID.
	LabelSetID = "applyset.kubernetes.io/id"
	// LabelPartOf makes an object a member of an ApplySet. Its value is the set's ID.
	LabelPartOf = "applyset.kubernetes.io/part-of"
	// AnnotationTooling, on a parent, names the tool that alone may change the set, as name/version.
	AnnotationTooling = "applyset.kubernetes.io/tooling"
	// AnnotationKinds, on a parent, lists the kinds that the set may contain, as Kind.group, with commas.
	AnnotationKinds = "applyset.kubernetes.io/contains-group-kinds"
	// AnnotationNamespaces, on a parent, lists the namespaces of the set besides the parent's own, with commas.
	AnnotationNamespaces = "applyset.kubernetes.io/additional-namespaces"
)

// ID is the value of the set's labels. The KEP derives it from the parent's name, namespace, kind and group, so
// that nobody can claim another set's objects.
func (s Set) ID() string {
	p := s.Parent()
	sum := sha256.Sum256([]byte(p.Name + "." + p.Namespace + "." + p.Kind + "." + p.Group))
	return "applyset-" + base64.RawURLEncoding.EncodeToString(sum[:]) + "-v1"
}

// Parent is the reference of the ConfigMap that stands for the set. The dot keeps its name apart from the
// ConfigMaps that charts name after their service.
func (s Set) Parent() Ref {
	return Ref{Version: "v1", Kind: "ConfigMap", Namespace: s.Namespace, Name: s.Name + ".applyset"}
}
