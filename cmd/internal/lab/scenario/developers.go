package scenario

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/remote/gate"
)

// Trigger starts a pipeline by its name, as a developer does in Spinnaker's own pages, and returns the execution's id.
func (s *Scenario) Trigger(ctx context.Context, application, name, version string) (string, error) {
	client, err := gate.New(gate.Config{Endpoint: s.Gate})
	if err != nil {
		return "", err
	}
	list, err := client.Pipelines(ctx, application)
	if err != nil {
		return "", err
	}
	for _, doc := range list {
		if doc.Name() == name {
			return client.Trigger(ctx, pipeline.Trigger{
				Application: application, PipelineID: doc.ID(), CorrelationID: "developer-" + rand.Text(), Parameters: map[string]string{"version": version, "valuesBranch": base},
			})
		}
	}
	return "", fmt.Errorf("application %s has no pipeline %s", application, name)
}

// ChangeSecret writes a new value over a key of a secret in the old cluster's part of Vault.
func (s *Scenario) ChangeSecret(ctx context.Context, e *estate.Estate, m estate.Migration, path, key, value string) error {
	from, _ := e.Cluster(m.From.Cluster)
	mount, prefix, _ := strings.Cut(from.Secrets, "/")
	vault, err := s.Vault()
	if err != nil {
		return err
	}
	_, err = vault.KVv2(mount).Patch(ctx, prefix+"/"+path, map[string]any{key: value})
	return err
}

// Status is a commit's status at the git host.
type Status struct {
	Context     string `json:"context"`
	State       string `json:"status"`
	Description string `json:"description"`
}

// Statuses are the statuses of a commit, the newest first.
func (s *Scenario) Statuses(ctx context.Context, commit string) ([]Status, error) {
	var out []Status
	err := s.gitea(ctx, http.MethodGet, "/repos/"+s.repository()+"/commits/"+commit+"/statuses", nil, &out, robot{}, false)
	return out, err
}

// AwaitExecution waits for an execution's end, and fails if it failed.
func (s *Scenario) AwaitExecution(ctx context.Context, id string) error {
	client, err := gate.New(gate.Config{Endpoint: s.Gate})
	if err != nil {
		return err
	}
	return wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		x, err := client.Execution(ctx, id)
		if err == nil && x.Status.Complete() && x.Status != pipeline.Succeeded {
			err = fmt.Errorf("execution %s %s: %s", id, x.Status, x.Reason)
		}
		return err == nil && x.Status.Complete(), err
	})
}
