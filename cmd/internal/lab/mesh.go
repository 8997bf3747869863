package lab

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/typed/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// createMeshResources makes Istio's custom resources known to the cluster and waits until it serves them. There is no
// Istio to obey them.
func createMeshResources(ctx context.Context, c *cluster, definitions []apiextensionsv1.CustomResourceDefinition) error {
	client, err := apiextensions.NewForConfig(c.rest)
	if err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	for _, definition := range definitions {
		group.Go(func() error {
			_, err := client.CustomResourceDefinitions().Create(groupCtx, &definition, metav1.CreateOptions{})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("create Istio's custom resources: %w", err)
	}
	err = wait.PollUntilContextTimeout(ctx, pollInterval, time.Minute, true, func(ctx context.Context) (bool, error) {
		list, err := client.CustomResourceDefinitions().List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		for _, definition := range list.Items {
			if !established(definition) {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("wait for Istio's custom resources: %w", err)
	}
	return nil
}

func established(definition apiextensionsv1.CustomResourceDefinition) bool {
	for _, condition := range definition.Status.Conditions {
		if condition.Type == apiextensionsv1.Established {
			return condition.Status == apiextensionsv1.ConditionTrue
		}
	}
	return false
}
