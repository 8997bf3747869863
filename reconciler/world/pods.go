package world

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover/reconciler/evidence"
	"cutover/reconciler/object"
)

// pod is a running program.
type pod struct {
	number          int
	namespace, name string
	owner           object.Ref
	template        string // which template it was made from
	labels          map[string]string
	annotations     map[string]string
	version         string // tag of its image
	ready           bool
	terminating     bool
	address         string // of the singleton, as it was read at the start; "" if it reads none
	since           time.Time
	asks            evidence.Resources
}

// How long Pods take. A Pod that cannot read its Secret looks again after secretWait.
const (
	podStart   = 5 * time.Second // at least
	podGrace   = 5 * time.Second
	secretWait = 5 * time.Second
)

// sync is the controllers of a workload: they make and end Pods until there are as many as it says, of its template.
func (c *cluster) sync(key object.Ref) {
	switch {
	case key.Group == "apps" && (key.Kind == "Deployment" || key.Kind == "StatefulSet"):
	case key.Group == "batch" && key.Kind == "CronJob":
		return // its Jobs are made by RunCronJob and by people
	default:
		return
	}
	want, hash, recreate := 0, "", true
	l, exists := c.objects[key]
	if exists {
		spec, _ := l.object.Object["spec"].(map[string]any)
		want = replicasOf(spec)
		hash = templateHash(spec)
		strategy, _, _ := unstructured.NestedString(l.object.Object, "spec", "strategy", "type")
		recreate = key.Kind == "StatefulSet" || strategy == "Recreate"
	}
	var current, old []*pod
	ready, going := 0, 0
	for _, p := range c.podsOf(key) {
		switch {
		case p.terminating:
			going++
		case p.template == hash && exists:
			current = append(current, p)
			if p.ready {
				ready++
			}
		default:
			old = append(old, p)
		}
	}
	if recreate {
		for _, p := range old {
			c.terminate(p)
			going++
		}
		old = nil
	}
	if !recreate || going == 0 {
		for len(current) < want {
			current = append(current, c.startPod(key, l, hash))
		}
	}
	for len(current) > want {
		last := current[len(current)-1]
		current = current[:len(current)-1]
		c.terminate(last)
	}
	// An old Pod goes for every new one that is ready, those that serve nobody first.
	slices.SortStableFunc(old, func(a, b *pod) int { return serves(a) - serves(b) })
	for _, p := range old {
		ready += serves(p)
	}
	for len(old) > 0 && ready-serves(old[0]) >= want {
		ready -= serves(old[0])
		c.terminate(old[0])
		old = old[1:]
	}
	if exists {
		c.updateStatus(key, l)
	}
}

func serves(p *pod) int {
	if p.ready {
		return 1
	}
	return 0
}

func replicasOf(spec map[string]any) int {
	switch n := spec["replicas"].(type) {
	case int64:
		return int(n)
	case float64:
		return int(n)
	case int:
		return n
	}
	return 1
}

func templateHash(spec map[string]any) string {
	raw, err := json.Marshal(spec["template"])
	if err != nil {
		panic(err)
	}
	h := fnv.New32a()
	h.Write(raw)
	return fmt.Sprintf("%x", h.Sum32())
}

// startPod makes a Pod that becomes ready a while after it could read its Secret.
func (c *cluster) startPod(key object.Ref, l *live, hash string) *pod {
	w := c.w
	w.order++
	template := func(fields ...string) map[string]string {
		m, _, _ := unstructured.NestedStringMap(l.object.Object, append([]string{"spec", "template"}, fields...)...)
		return m
	}
	p := &pod{
		number: w.order, namespace: key.Namespace, name: fmt.Sprintf("%s-%s-%d", key.Name, hash, w.order), owner: key,
		template: hash, labels: template("metadata", "labels"), annotations: template("metadata", "annotations"),
		version: versionOf(l.object), since: w.now, asks: asksOf(l.object),
	}
	c.pods[p.namespace+"/"+p.name] = p
	w.after(podStart+time.Duration(w.rng.Int64N(int64(15*time.Second))), "pod "+c.name+"/"+p.name+" starts", func() { c.begin(p) })
	return p
}

// begin lets a Pod read its Secret and become ready.
func (c *cluster) begin(p *pod) {
	if p.terminating {
		return
	}
	if until := c.failing[p.labels["app"]]; c.w.now.Before(until) {
		c.w.after(until.Sub(c.w.now), "pod "+p.name+" starts again", func() { c.begin(p) })
		return
	}
	for _, link := range c.w.migration.Singletons {
		for _, client := range link.Clients {
			if p.labels["app"] != client.String() {
				continue
			}
			p.address = c.secretValue(p.namespace, link.Address.Secret, link.Address.Key)
			if p.address == "" {
				c.w.after(secretWait, "pod "+p.name+" looks for its secret", func() { c.begin(p) })
				return
			}
			c.w.judge.starts(c.w, c, p, link)
		}
	}
	p.ready, p.since = true, c.w.now
	c.sync(p.owner)
}

// terminate takes a Pod out of service; it is gone a while later.
func (c *cluster) terminate(p *pod) {
	if p.terminating {
		return
	}
	p.terminating, p.ready, p.since = true, false, c.w.now
	c.w.after(podGrace+time.Duration(c.w.rng.Int64N(int64(10*time.Second))), "pod "+c.name+"/"+p.name+" is gone", func() {
		delete(c.pods, p.namespace+"/"+p.name)
		c.sync(p.owner)
	})
}

// updateStatus writes a workload's status as its controller does, so that kstatus understands it.
func (c *cluster) updateStatus(key object.Ref, l *live) {
	spec, _ := l.object.Object["spec"].(map[string]any)
	hash, want := templateHash(spec), int64(replicasOf(spec))
	var replicas, updated, ready int64
	for _, p := range c.podsOf(key) {
		if p.terminating {
			continue
		}
		replicas++
		if p.template == hash {
			updated++
		}
		if p.ready {
			ready++
		}
	}
	status := map[string]any{
		"observedGeneration": l.object.GetGeneration(),
		"replicas":           replicas, "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": updated,
	}
	if key.Kind == "StatefulSet" {
		status["currentReplicas"], status["currentRevision"], status["updateRevision"] = updated, hash, hash
		if updated < want {
			status["currentRevision"] = "before"
		}
	} else {
		progress := "ReplicaSetUpdated"
		if updated == want && ready == want && replicas == want {
			progress = "NewReplicaSetAvailable"
		}
		available := "False"
		if ready >= want {
			available = "True"
		}
		status["conditions"] = []any{
			map[string]any{"type": "Available", "status": available},
			map[string]any{"type": "Progressing", "status": "True", "reason": progress},
		}
	}
	o := &unstructured.Unstructured{Object: maps.Clone(l.object.Object)}
	o.Object["metadata"] = copied(o.Object["metadata"])
	o.Object["status"] = status
	c.writes++
	o.SetResourceVersion(fmt.Sprint(c.writes))
	l.object = o
	c.touched = append(c.touched, object.Set{Namespace: key.Namespace, Name: key.Name})
}

// asksOf is what a Pod of a workload asks for.
func asksOf(o object.Object) (sum evidence.Resources) {
	containers, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
	for _, c := range containers {
		c, _ := c.(map[string]any)
		requests, _, _ := unstructured.NestedStringMap(c, "resources", "requests")
		if cpu, err := resource.ParseQuantity(requests["cpu"]); err == nil {
			sum.MilliCPU += cpu.MilliValue()
		}
		if memory, err := resource.ParseQuantity(requests["memory"]); err == nil {
			sum.Memory += memory.Value()
		}
	}
	return sum
}

// versionOf is the tag of the image that a workload runs.
func versionOf(o object.Object) string {
	containers, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
	for _, c := range containers {
		c, _ := c.(map[string]any)
		image, _ := c["image"].(string)
		for i := len(image) - 1; i > 0; i-- {
			if image[i] == ':' {
				return image[i+1:]
			}
		}
	}
	return ""
}
