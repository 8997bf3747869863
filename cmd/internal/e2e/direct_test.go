package e2e

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"cutover/cmd/internal/lab/scenario"
	"cutover/cmd/internal/lab/spinnaker"
	"cutover/gitops/estate"
	"cutover/reconciler/object"
)

// direct makes the product's stack one that the reconciler deploys itself, without pipelines.
func direct(files []estate.File) []estate.File {
	for i := range files {
		files[i].Data = bytes.ReplaceAll(files[i].Data, []byte("{cluster: orbit-prod}"), []byte("{cluster: orbit-prod, deploy: direct}"))
		files[i].Data = bytes.ReplaceAll(files[i].Data, []byte("{pipelines: [deploy]}"), []byte("{}"))
	}
	return files
}

const disruption = "disruption: {maxUnavailable: 1}"

// TestDirect deploys without Spinnaker: objects appear as members of ApplySets, stay, come back, and go as git says.
func TestDirect(t *testing.T) {
	t.Parallel()
	p := newPlace(t, direct)
	p.mark(t, estate.Prepare)
	p.edit(t, p.file("profile", "values.yaml"), "port: 8080", "port: 8080\n"+disruption)
	p.mark(t, estate.Deploy)
	d := p.start(t)
	p.await(t, d, "phase deploy is complete", complete(estate.Deploy))
	before := p.look(t)
	if len(before.Gate.Saves)+len(before.Gate.Applications)+len(before.Gate.Triggers) > 0 {
		t.Errorf("Spinnaker was used: %+v", before.Gate)
	}
	set := object.Set{Namespace: p.core(), Name: "profile"}
	for _, gvr := range resources[:2] {
		o := p.object(t, gvr, "profile")
		if o == nil || o.GetLabels()[object.LabelPartOf] != set.ID() {
			t.Errorf("%s profile is no member of ApplySet %s: %v", gvr.Resource, set.ID(), o)
		}
	}
	for key := range before.Objects {
		if strings.Contains(key, "/reminder") || strings.Contains(key, "/sender") {
			t.Errorf("%s belongs to an exclusive service and must not be there", key)
		}
	}

	d = p.restart(t, d)
	r := p.await(t, d, "phase deploy is complete", complete(estate.Deploy))
	if diff := cmp.Diff(before, p.look(t)); diff != "" || r.Total.ObjectsWritten != 0 {
		t.Errorf("the second pass wrote %d objects (-before +now):\n%s", r.Total.ObjectsWritten, diff)
	}

	p.patch(t, "profile", `[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "debug.example.com/mine:latest"}]`)
	p.await(t, d, "the image is put right", func(scenario.Report) bool { return !strings.Contains(image(t, p, "profile"), "debug") })

	commit := p.edit(t, p.file("profile", "values.yaml"), disruption, "")
	p.await(t, d, "the commit is deployed", func(r scenario.Report) bool { return r.Commit == commit && complete(estate.Deploy)(r) })
	p.await(t, d, "the PodDisruptionBudget is gone", func(scenario.Report) bool { return p.object(t, disruptions, "profile") == nil })
	if diff := cmp.Diff(spinnaker.Stats{}, p.gate.Stats(), cmp.Comparer(sameCount)); diff != "" {
		t.Errorf("Spinnaker was used: %s", diff)
	}
}

func sameCount(a, b map[string]int) bool { return len(a) == len(b) }

// restart stops the daemon and starts it again.
func (p *place) restart(t *testing.T, d *scenario.Daemon) *scenario.Daemon {
	t.Helper()
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	return p.start(t)
}

// patch changes a Deployment of the new cluster, as somebody with kubectl would.
func (p *place) patch(t *testing.T, name, patch string) {
	t.Helper()
	_, err := p.cluster.Resource(deployments).Namespace(p.core()).Patch(t.Context(), name, types.JSONPatchType, []byte(patch), metav1.PatchOptions{FieldManager: "somebody"})
	if err != nil {
		t.Fatal(err)
	}
}

// image is the image of a Deployment's first container.
func image(t *testing.T, p *place, name string) string {
	t.Helper()
	o := p.object(t, deployments, name)
	if o == nil {
		return ""
	}
	containers, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
	if len(containers) == 0 {
		return ""
	}
	first, _ := containers[0].(map[string]any)
	text, _ := first["image"].(string)
	return text
}
