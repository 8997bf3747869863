package world

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/manifest"
	"cutover/reconciler/object"
)

// Manager is the field manager of the program's writes.
const Manager = "cutover"

// The other writers of a cluster.
const (
	kubectl    = "kubectl-client-side-apply" // Spinnaker
	person     = "kubectl-edit"
	secretSync = "secret-sync"
	restart    = "cutover-restart"
)

// applicationAnnotation is how Spinnaker marks what it deployed.
const applicationAnnotation = "moniker.spinnaker.io/application"

var capabilities = manifest.Capabilities{
	KubeVersion: "v1.37.2",
	APIVersions: []string{
		"apps/v1", "apps/v1/DaemonSet", "apps/v1/Deployment", "apps/v1/StatefulSet",
		"autoscaling/v2", "autoscaling/v2/HorizontalPodAutoscaler", "batch/v1", "batch/v1/CronJob", "batch/v1/Job",
		"policy/v1", "policy/v1/PodDisruptionBudget",
		"v1", "v1/ConfigMap", "v1/Namespace", "v1/Pod", "v1/Secret", "v1/Service",
	},
	ClusterScoped: []string{"Namespace"},
}

// cluster is one Kubernetes cluster.
type cluster struct {
	w       *World
	name    string
	secrets string // the path in Vault that its secret-sync reads
	objects map[object.Ref]*live
	pods    map[string]*pod    // by namespace/name
	synced  [2]int             // how much Vault and the cluster had changed when the secrets were synced last
	touched []object.Set       // whose objects changed, in order
	shape   int                // counts the objects that were made and removed
	writes  int                // resource versions and UIDs
	survey  evidence.Survey    // but for what is free
	room    evidence.Resources // of all nodes
	sick    map[estate.Release]string
	rejects map[string]string    // reason by object, for dry runs
	failing map[string]time.Time // until when the Pods of a service crash, by its name
	illness Illness              // of what answers its requests, though Pods are ready
}

// live is an object in the cluster. The object itself is replaced, never changed.
type live struct {
	object  object.Object
	partOf  string                    // the set that the object is a member of
	since   time.Time                 // when its spec last changed
	configs map[string]map[string]any // what each writer wants of it
}

func newCluster(w *World, name, secrets string) *cluster {
	c := &cluster{
		w: w, name: name, secrets: secrets, objects: map[object.Ref]*live{}, pods: map[string]*pod{},
		sick: map[estate.Release]string{}, rejects: map[string]string{}, failing: map[string]time.Time{},
		survey: evidence.Survey{NewVersion: "v1.37.2", Nodes: 6, NodesReady: 6},
		// Enough for the sample and some more, and not for twice of it.
		room: evidence.Resources{MilliCPU: 15_000, Memory: 15 << 30, Pods: 15},
	}
	w.after(time.Duration(1+w.rng.Int64N(60))*time.Second, name+" secret-sync", c.syncSecrets)
	return c
}

// free is what the Pods leave of the nodes' room.
func (c *cluster) free() evidence.Resources {
	left := c.room
	for _, p := range c.pods {
		left.MilliCPU -= p.asks.MilliCPU
		left.Memory -= p.asks.Memory
		left.Pods--
	}
	return evidence.Resources{MilliCPU: max(left.MilliCPU, 0), Memory: max(left.Memory, 0), Pods: max(left.Pods, 0)}
}

func (c *cluster) hasNamespace(name string) bool {
	_, ok := c.objects[object.Ref{Kind: "Namespace", Name: name}]
	return ok || name == ""
}

// write lets a manager set its configuration of an object, and makes it if need be.
func (c *cluster) write(manager string, config map[string]any) *live {
	named := &unstructured.Unstructured{Object: config}
	ref := object.RefOf(named)
	l, exists := c.objects[ref.Key()]
	if !exists {
		l = &live{object: &unstructured.Unstructured{Object: map[string]any{}}, configs: map[string]map[string]any{}}
		c.objects[ref.Key()] = l
		c.shape++
	}
	next := ownable(config)
	content := copiedMap(l.object.Object)
	var others []map[string]any
	for other, c := range l.configs {
		if other != manager {
			others = append(others, c)
		}
	}
	overlay(content, l.configs[manager], next, others)
	l.configs[manager] = next
	for other := range l.configs {
		if other != manager {
			l.configs[other] = common(l.configs[other], content)
		}
	}
	o := &unstructured.Unstructured{Object: content}
	o.SetGroupVersionKind(named.GroupVersionKind())
	o.SetName(ref.Name)
	o.SetNamespace(ref.Namespace)
	if !exists {
		o.SetUID(types.UID(fmt.Sprintf("%s-%d", c.name, c.w.order+c.writes)))
	}
	c.put(l, o)
	c.sync(ref.Key())
	return l
}

// put replaces the live object, and counts generation and resource version as the API server does.
func (c *cluster) put(l *live, o object.Object) {
	c.writes++
	if fmt.Sprint(l.object.Object["spec"]) != fmt.Sprint(o.Object["spec"]) || o.GetGeneration() == 0 {
		o.SetGeneration(l.object.GetGeneration() + 1)
		l.since = c.w.now
	}
	o.SetResourceVersion(strconv.Itoa(c.writes))
	o.SetManagedFields(managed(l.configs))
	l.object, l.partOf = o, o.GetLabels()[object.LabelPartOf]
	c.touched = append(c.touched, object.Set{Namespace: o.GetNamespace(), Name: o.GetName()})
}

// remove deletes an object; its Pods go in their own time.
func (c *cluster) remove(key object.Ref) {
	delete(c.objects, key)
	c.shape++
	c.touched = append(c.touched, object.Set{Namespace: key.Namespace, Name: key.Name})
	c.sync(key)
}

// deployed applies an object as Spinnaker does.
func (c *cluster) deployed(o object.Object, application string) {
	o = o.DeepCopy()
	annotations, labels := o.GetAnnotations(), o.GetLabels()
	if annotations == nil {
		annotations = map[string]string{}
	}
	if labels == nil {
		labels = map[string]string{}
	}
	annotations[applicationAnnotation] = application
	labels["app.kubernetes.io/managed-by"] = "spinnaker"
	o.SetAnnotations(annotations)
	o.SetLabels(labels)
	c.write(kubectl, o.Object)
}

// syncSecrets is the cluster's secret-sync: once a minute it writes what Vault has into Secrets.
func (c *cluster) syncSecrets() {
	c.w.after(time.Minute, c.name+" secret-sync", c.syncSecrets)
	v := &c.w.vault
	if c.synced == [2]int{v.writes, c.shape} {
		return
	}
	defer func() { c.synced = [2]int{v.writes, c.shape} }()
	for _, path := range v.below(c.secrets) {
		namespace, name, ok := cut(path)
		if !ok || !c.hasNamespace(namespace) {
			continue
		}
		key := object.Ref{Kind: "Secret", Namespace: namespace, Name: name}
		s := v.secrets[c.secrets+"/"+path]
		version := strconv.Itoa(s.number)
		if l, exists := c.objects[key]; exists && l.object.GetAnnotations()["secret-sync/version"] == version {
			continue
		}
		data := map[string]any{}
		for k, value := range s.current() {
			data[k] = base64.StdEncoding.EncodeToString([]byte(fmt.Sprint(value)))
		}
		c.write(secretSync, map[string]any{
			"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": data,
			"metadata": map[string]any{"name": name, "namespace": namespace, "annotations": map[string]any{"secret-sync/version": version}},
		})
	}
}

// secretValue is a key of a Secret, as a Pod that starts now reads it.
func (c *cluster) secretValue(namespace, name, key string) string {
	l, ok := c.objects[object.Ref{Kind: "Secret", Namespace: namespace, Name: name}]
	if !ok {
		return ""
	}
	encoded, _, _ := unstructured.NestedString(l.object.Object, "data", key)
	value, _ := base64.StdEncoding.DecodeString(encoded)
	return string(value)
}

// podsOf are the Pods of a workload, sorted by name.
func (c *cluster) podsOf(owner object.Ref) []*pod {
	var out []*pod
	for _, p := range c.pods {
		if p.owner == owner {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *pod) int { return a.number - b.number })
	return out
}

// podsOfService are the Pods of a service: those that carry its name as label app.
func (c *cluster) podsOfService(namespace, service string) []*pod {
	var out []*pod
	for _, p := range c.pods {
		if p.namespace == namespace && p.labels["app"] == service {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *pod) int { return a.number - b.number })
	return out
}
