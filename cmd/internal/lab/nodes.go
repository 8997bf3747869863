package lab

import (
	"context"
	"fmt"
	"os/exec"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// startKwok starts the program that plays the part of every node's kubelet, and waits until the nodes are ready.
func (l *Lab) startKwok(ctx context.Context, c *cluster, client kubernetes.Interface) error {
	args := []string{"--kubeconfig", c.kubeconfig, "--manage-all-nodes", "--cidr", c.pods}
	for _, config := range l.assets.stages {
		args = append(args, "--config", config)
	}
	_, err := l.serve(ctx, server{
		name:    c.name + "/kwok",
		tier:    2,
		command: func(ctx context.Context, _ []string) *exec.Cmd { return l.command(ctx, "kwok", args...) },
		ready:   func(ctx context.Context, _ []string) error { return nodesReady(ctx, client) },
	})
	return err
}

// nodeCount is enough for a DaemonSet to mean something.
const nodeCount = 6

// createNodes makes large nodes over three zones.
func createNodes(ctx context.Context, client kubernetes.Interface) error {
	for i := range nodeCount {
		name := fmt.Sprintf("node-%d", i+1)
		capacity := corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("64"),
			corev1.ResourceMemory: resource.MustParse("256Gi"),
			corev1.ResourcePods:   resource.MustParse("500"),
		}
		node := &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
				corev1.LabelHostname:           name,
				corev1.LabelArchStable:         "amd64",
				corev1.LabelOSStable:           "linux",
				corev1.LabelTopologyRegion:     "lab",
				corev1.LabelTopologyZone:       "lab-" + string("abc"[i%3]),
				"node-role.kubernetes.io/node": "",
			}},
			Status: corev1.NodeStatus{Capacity: capacity, Allocatable: capacity},
		}
		if _, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create node %s: %w", name, err)
		}
	}
	return nil
}

// nodesReady complains while a node would not get Pods.
func nodesReady(ctx context.Context, client kubernetes.Interface) error {
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	if len(nodes.Items) < nodeCount {
		return fmt.Errorf("%d of %d nodes exist", len(nodes.Items), nodeCount)
	}
	for _, node := range nodes.Items {
		// The controller manager removes the taint of a new node when kwok says that the node is ready.
		if len(node.Spec.Taints) > 0 || !ready(node) {
			return fmt.Errorf("node %s is not ready", node.Name)
		}
	}
	return nil
}

func ready(node corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
