package kube

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What a node says of itself is the kubelet's word, so these cases are not for a cluster to show.
func TestStateOfANode(t *testing.T) {
	ready := func(s corev1.ConditionStatus) corev1.NodeStatus {
		return corev1.NodeStatus{Conditions: []corev1.NodeCondition{
			{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionTrue}, {Type: corev1.NodeReady, Status: s},
		}}
	}
	tainted := func(key string, effect corev1.TaintEffect) corev1.NodeSpec {
		return corev1.NodeSpec{Taints: []corev1.Taint{{Key: key, Effect: effect}}}
	}
	for name, tt := range map[string]struct {
		node         corev1.Node
		takes, ready bool
	}{
		"ready":                         {corev1.Node{Status: ready(corev1.ConditionTrue)}, true, true},
		"not ready":                     {corev1.Node{Status: ready(corev1.ConditionFalse)}, true, false},
		"silent":                        {corev1.Node{Status: ready(corev1.ConditionUnknown)}, true, false},
		"new, without a condition":      {corev1.Node{}, true, false},
		"cordoned":                      {corev1.Node{Spec: corev1.NodeSpec{Unschedulable: true}, Status: ready(corev1.ConditionTrue)}, false, false},
		"being deleted":                 {corev1.Node{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{}}, Status: ready(corev1.ConditionTrue)}, false, false},
		"kept for others":               {corev1.Node{Spec: tainted("node-role.kubernetes.io/control-plane", corev1.TaintEffectNoSchedule), Status: ready(corev1.ConditionTrue)}, false, false},
		"better not used":               {corev1.Node{Spec: tainted("example.com/spot", corev1.TaintEffectPreferNoSchedule), Status: ready(corev1.ConditionTrue)}, true, true},
		"short of memory":               {corev1.Node{Spec: tainted("node.kubernetes.io/memory-pressure", corev1.TaintEffectNoSchedule), Status: ready(corev1.ConditionTrue)}, true, false},
		"not yet known to the cloud":    {corev1.Node{Spec: tainted("node.cloudprovider.kubernetes.io/uninitialized", corev1.TaintEffectNoSchedule), Status: ready(corev1.ConditionTrue)}, true, false},
		"unreachable, evicting its own": {corev1.Node{Spec: tainted("node.kubernetes.io/unreachable", corev1.TaintEffectNoExecute), Status: ready(corev1.ConditionUnknown)}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			if takes, isReady := stateOf(&tt.node); takes != tt.takes || isReady != tt.ready {
				t.Errorf("stateOf = %t, %t, want %t, %t", takes, isReady, tt.takes, tt.ready)
			}
		})
	}
}
