package drift_test

import (
	"strings"
	"testing"

	"cutover/reconciler/drift"
	"cutover/reconciler/object"
)

func TestHealth(t *testing.T) {
	const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: core, generation: GENERATION}
spec: {replicas: 2}
status:
  observedGeneration: 2
  replicas: 2
  updatedReplicas: 2
  readyReplicas: READY
  availableReplicas: READY
  conditions:
  - {type: Available, status: "True"}
  - {type: Progressing, status: "PROGRESSING", reason: REASON}
`
	with := func(generation, ready, progressing, reason string) string {
		return strings.NewReplacer("GENERATION", generation, "READY", ready, "PROGRESSING", progressing, "REASON", reason).Replace(deployment)
	}
	const (
		settings = "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: api, namespace: core}\n"
		routes   = "\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: api, namespace: core, generation: 4}\nstatus: {observedGeneration: '1', conditions: [{type: Reconciled, status: 'False'}]}\n"
		going    = "\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: old, namespace: core, deletionTimestamp: '2026-01-01T00:00:00Z'}\n"
		failed   = "\n---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: once, namespace: core}\nstatus: {conditions: [{type: Failed, status: 'True', reason: BackoffLimitExceeded, message: too often}]}\n"
	)
	for _, c := range []struct {
		name, objects string
		want          drift.Status
		reason        string
	}{
		{"none", "", drift.Current, ""},
		{"ready, and kinds without a status", with("2", "2", "True", "NewReplicaSetAvailable") + settings + routes, drift.Current, ""},
		{"not yet seen by its controller", with("3", "2", "True", "NewReplicaSetAvailable"), drift.InProgress, "core/Deployment.apps/api: "},
		{"one copy is not ready", with("2", "1", "True", "ReplicaSetUpdated"), drift.InProgress, "core/Deployment.apps/api: "},
		{"rollout is stuck", with("2", "1", "False", "ProgressDeadlineExceeded") + settings, drift.Failed, "core/Deployment.apps/api: "},
		{"the worst wins", with("2", "1", "True", "ReplicaSetUpdated") + failed + going, drift.Failed, "core/Job.batch/once: "},
		{"being deleted", settings + going, drift.Terminating, "core/VirtualService.networking.istio.io/old: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			var live []object.Object
			for _, o := range objects(t, []byte(c.objects)) {
				if len(o.Object) > 0 {
					live = append(live, o)
				}
			}
			got, reason := drift.Health(live)
			if got != c.want || !strings.HasPrefix(reason, c.reason) {
				t.Errorf("got %s (%s), want %s (%s...)", got, reason, c.want, c.reason)
			}
		})
	}
}
