package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"

	"github.com/antihax/optional"
	api "github.com/spinnaker/spin/gateapi"

	"cutover/generator/pipeline"
	"cutover/reconciler/failure"
)

// Trigger starts the pipeline and returns the execution's id. After failure.ErrTransient the execution may have
// started: look for its correlation id among the Recent ones. While an execution with the same correlation id runs,
// Orca returns that one instead of starting another; once it has ended, Orca has forgotten the correlation id and
// would start again.
func (c *Client) Trigger(ctx context.Context, t pipeline.Trigger) (string, error) {
	id, err := call(ctx, c, func(ctx context.Context) (string, error) { return c.trigger(ctx, t) })
	if err != nil {
		return "", fmt.Errorf("trigger pipeline %s of %s: %w", t.PipelineID, t.Application, err)
	}
	return id, nil
}

// trigger is our own request, because spin's call gives back a body that is already closed.
func (c *Client) trigger(ctx context.Context, t pipeline.Trigger) (string, error) {
	if t.Application == "" || t.PipelineID == "" || t.CorrelationID == "" {
		return "", fmt.Errorf("%w: it needs an application, a pipeline and a correlation id", failure.ErrRefused)
	}
	parameters := map[string]string{}
	for name, value := range t.Parameters {
		parameters[name] = value
	}
	body, err := json.Marshal(map[string]any{"type": "manual", "correlationId": t.CorrelationID, "parameters": parameters})
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint+"/pipelines/"+escaped(t.Application)+"/"+escaped(t.PipelineID), bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	authorize(ctx, request)
	response, err := c.http.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return "", fmt.Errorf("%w: %w", failure.ErrTransient, err)
	}
	var started struct {
		Ref string `json:"ref"`
	}
	if err := json.Unmarshal(answer, &started); err != nil || path.Dir(started.Ref) != "/pipelines" {
		return "", fmt.Errorf("%w: Gate's answer names no execution", failure.ErrTransient)
	}
	return path.Base(started.Ref), nil
}

// authorize adds the credentials of the session, as spin's API does for its own requests. (Its exported
// function for this returns without doing it.)
func authorize(ctx context.Context, r *http.Request) {
	if basic, ok := ctx.Value(api.ContextBasicAuth).(api.BasicAuth); ok {
		r.SetBasicAuth(basic.UserName, basic.Password)
	}
	if token, ok := ctx.Value(api.ContextAccessToken).(string); ok {
		r.Header.Set("Authorization", "Bearer "+token)
	}
}

// Recent lists a pipeline's newest executions, newest first.
func (c *Client) Recent(ctx context.Context, application, pipelineID string, limit int) ([]pipeline.Execution, error) {
	found, err := c.executions(ctx, func(ctx context.Context) ([]any, *http.Response, error) {
		return c.api.ExecutionsControllerApi.GetLatestExecutionsByConfigIdsUsingGET(ctx,
			&api.ExecutionsControllerApiGetLatestExecutionsByConfigIdsUsingGETOpts{
				PipelineConfigIds: optional.NewString(pipelineID),
				Limit:             optional.NewInt32(int32(min(max(limit, 1), 100))),
			})
	})
	if err != nil {
		return nil, fmt.Errorf("list executions of pipeline %s of %s: %w", pipelineID, application, err)
	}
	return found, nil
}

func (c *Client) executions(ctx context.Context, ask func(context.Context) ([]any, *http.Response, error)) ([]pipeline.Execution, error) {
	list, err := read(ctx, c, func(ctx context.Context) ([]execution, error) {
		list, _, err := ask(ctx) //nolint:bodyclose // spin closes it
		if err := orEmpty(list == nil, err); err != nil {
			return nil, err
		}
		return reshaped[[]execution](list)
	})
	if err != nil {
		return nil, err // 404 too: of what it does not know, Gate gives an empty list
	}
	return inOrder(list), nil
}

// Execution reads one execution. It fails with failure.ErrNotFound if there is none of that id.
func (c *Client) Execution(ctx context.Context, id string) (pipeline.Execution, error) {
	found, err := read(ctx, c, func(ctx context.Context) (execution, error) {
		answer, _, err := c.api.PipelineControllerApi.GetPipelineUsingGET(ctx, escaped(id)) //nolint:bodyclose // spin closes it
		if err := orEmpty(answer == nil, err); err != nil {
			return execution{}, err
		}
		return reshaped[execution](answer)
	})
	if err != nil {
		return pipeline.Execution{}, fmt.Errorf("read execution %s: %w", id, err)
	}
	return found.noun(), nil
}
