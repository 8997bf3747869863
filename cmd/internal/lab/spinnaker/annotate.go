package spinnaker

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	monikerPrefix   = "moniker.spinnaker.io/"
	artifactPrefix  = "artifact.spinnaker.io/"
	versionedSwitch = "strategy.spinnaker.io/versioned"
)

// annotate marks an object, and the Pods that it makes, as clouddriver does (KubernetesManifestAnnotater and
// KubernetesManifestLabeler). What the manifest itself says stays.
func annotate(o *unstructured.Unstructured, app string) {
	kind := strings.ToLower(o.GetKind())
	annotations := map[string]string{
		monikerPrefix + "application": app,
		monikerPrefix + "cluster":     kind + " " + o.GetName(),
		artifactPrefix + "type":       "kubernetes/" + kind,
		artifactPrefix + "name":       o.GetName(),
		artifactPrefix + "location":   o.GetNamespace(),
		artifactPrefix + "version":    "",
	}
	labels := map[string]string{
		"app.kubernetes.io/name":       app,
		"app.kubernetes.io/managed-by": "spinnaker",
	}
	o.SetAnnotations(under(annotations, o.GetAnnotations()))
	o.SetLabels(withManager(under(labels, o.GetLabels())))
	if _, found, _ := unstructured.NestedMap(o.Object, "spec", "template"); !found {
		return
	}
	for field, marks := range map[string]map[string]string{"annotations": annotations, "labels": labels} {
		have, _, _ := unstructured.NestedStringMap(o.Object, "spec", "template", "metadata", field)
		merged := under(marks, have)
		if field == "labels" {
			merged = withManager(merged)
		}
		// It can only fail if spec.template.metadata is no object; the API server then says so better.
		_ = unstructured.SetNestedStringMap(o.Object, merged, "spec", "template", "metadata", field)
	}
}

// under returns the marks, and over them what is there.
func under(marks, have map[string]string) map[string]string {
	out := maps.Clone(marks)
	maps.Copy(out, have)
	return out
}

// withManager overwrites the one label that clouddriver overwrites.
func withManager(labels map[string]string) map[string]string {
	labels["app.kubernetes.io/managed-by"] = "spinnaker"
	return labels
}

// renames are the names under which versioned objects were deployed, by kind and name.
type renames map[[2]string]string

var versionSuffix = regexp.MustCompile(`-v(\d{3,})$`)

// version gives a ConfigMap or Secret the name name-vNNN, unless its manifest says that it is not versioned: the
// number of the deployed version with the same content, or the next one.
func (c *cluster) version(ctx context.Context, o *unstructured.Unstructured, done renames) error {
	kind := o.GetKind()
	if (kind != "ConfigMap" && kind != "Secret") || o.GetAnnotations()[versionedSwitch] == "false" {
		return nil
	}
	resource, err := c.of(o)
	if err != nil {
		return err
	}
	list, err := resource.List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=spinnaker"})
	if err != nil {
		return err
	}
	name, next := o.GetName(), 0
	found := ""
	for _, live := range list.Items {
		if live.GetAnnotations()[artifactPrefix+"name"] != name {
			continue
		}
		match := versionSuffix.FindStringSubmatch(live.GetName())
		if match == nil {
			continue
		}
		number, _ := strconv.Atoi(match[1]) // three digits or more, as the expression says
		next = max(next, number+1)
		if sameContent(o, &live) {
			found = live.GetName()
		}
	}
	if found == "" {
		found = fmt.Sprintf("%s-v%03d", name, next)
	}
	done[[2]string{kind, name}] = found
	annotations := o.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[artifactPrefix+"name"] = name
	annotations[artifactPrefix+"version"] = strings.TrimPrefix(found, name+"-")
	annotations[monikerPrefix+"cluster"] = strings.ToLower(kind) + " " + name
	o.SetAnnotations(annotations)
	labels := o.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[monikerPrefix+"sequence"] = strings.TrimLeft(strings.TrimPrefix(found, name+"-v"), "0")
	if labels[monikerPrefix+"sequence"] == "" {
		labels[monikerPrefix+"sequence"] = "0"
	}
	o.SetLabels(labels)
	o.SetName(found)
	return nil
}

func sameContent(wanted, live *unstructured.Unstructured) bool {
	for _, field := range []string{"data", "binaryData"} {
		a, _, _ := unstructured.NestedMap(wanted.Object, field)
		b, _, _ := unstructured.NestedMap(live.Object, field)
		if len(a)+len(b) > 0 && !reflect.DeepEqual(a, b) {
			return false
		}
	}
	return wanted.Object["stringData"] == nil // the server has moved it into data
}

// replaceIn makes references to versioned objects follow their new names.
func (n renames) replaceIn(o *unstructured.Unstructured) {
	if len(n) > 0 && o.GetKind() != "ConfigMap" && o.GetKind() != "Secret" {
		n.replace(o.Object)
	}
}

// references are the fields that hold the name of a ConfigMap or Secret, and the key of the name in them.
var references = map[string]struct{ kind, key string }{
	"configMap":       {"ConfigMap", "name"},
	"configMapRef":    {"ConfigMap", "name"},
	"configMapKeyRef": {"ConfigMap", "name"},
	"secretRef":       {"Secret", "name"},
	"secretKeyRef":    {"Secret", "name"},
	"secret":          {"Secret", "secretName"},
}

func (n renames) replace(value any) {
	switch v := value.(type) {
	case map[string]any:
		for field, inner := range v {
			if ref, ok := references[field]; ok {
				if object, ok := inner.(map[string]any); ok {
					n.rename(object, ref.kind, ref.key)
					n.rename(object, ref.kind, "name") // a projected volume's secret
				}
			}
			n.replace(inner)
		}
	case []any:
		for _, inner := range v {
			n.replace(inner)
		}
	}
}

func (n renames) rename(object map[string]any, kind, key string) {
	if to, ok := n[[2]string{kind, textOf(object, key)}]; ok {
		object[key] = to
	}
}
