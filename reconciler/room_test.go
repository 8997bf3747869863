package reconciler

import (
	"context"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/object"
)

// podList is a cluster that has some Pods.
type podList struct {
	Workloads
	pods []object.Pod
}

func (l podList) Pods(context.Context, string, map[string]string) ([]object.Pod, error) {
	return l.pods, nil
}

const plainWorkload = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    spec:
      initContainers: [{name: warm-up, resources: {requests: {cpu: "2", memory: 100Mi}}}]
      containers:
        - {name: web, resources: {requests: {cpu: 500m, memory: 200Mi}}}
        - {name: proxy, resources: {requests: {cpu: 100m, memory: 56Mi}}}
`

const scaler = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: web}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: 20, maxReplicas: 40}
`

func TestNeededBy(t *testing.T) {
	running := object.Pod{Scheduled: true}
	for name, test := range map[string]struct {
		class   estate.Class
		objects []string
		pods    []object.Pod
		want    evidence.Resources
	}{
		"an autoscaler's least, and the init container, which asks for more": {estate.Stateless, []string{plainWorkload, scaler}, nil, evidence.Resources{MilliCPU: 40_000, Memory: 20 * 256 << 20, Pods: 20}},
		"one where nobody says how many":                                     {estate.Stateless, []string{plainWorkload}, nil, evidence.Resources{MilliCPU: 2000, Memory: 256 << 20, Pods: 1}},
		"what runs already takes no more":                                    {estate.Stateless, []string{plainWorkload}, []object.Pod{running, running}, evidence.Resources{}},
		"what waits for a node, and what ends, has still to find one":        {estate.Stateless, []string{plainWorkload}, []object.Pod{{}, {Scheduled: true, Terminating: true}}, evidence.Resources{MilliCPU: 2000, Memory: 256 << 20, Pods: 1}},
		"an exclusive service does not come yet":                             {estate.Exclusive, []string{plainWorkload}, nil, evidence.Resources{}},
	} {
		t.Run(name, func(t *testing.T) {
			u := &unit{service: estate.Service{Class: test.class}}
			for _, text := range test.objects {
				o := &unstructured.Unstructured{}
				if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
					t.Fatal(err)
				}
				u.draft = append(u.draft, o)
			}
			r := &Reconciler{Config: Config{Width: 1}}
			got, err := r.neededBy(t.Context(), &desired{units: []*unit{u}}, podList{pods: test.pods})
			if err != nil || got != test.want {
				t.Errorf("needed is %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}
