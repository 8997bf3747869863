package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/antihax/optional"
	api "github.com/spinnaker/spin/gateapi"

	"cutover/generator/pipeline"
	"cutover/reconciler/failure"
)

// taskPause is the time between two looks at a running task.
const taskPause = 250 * time.Millisecond

// EnsureApplication creates the application unless it exists, and tells whether it did. It returns when the
// application can be read, or when ctx ends.
//
// Existence is asked of the application itself: Gate's list of applications is a cache, up to 5 s old.
func (c *Client) EnsureApplication(ctx context.Context, a pipeline.Application) (created bool, err error) {
	if a.Name == "" || a.Email == "" {
		return false, fmt.Errorf("create application %q: %w: it needs a name and an e-mail address", a.Name, failure.ErrRefused)
	}
	switch exists, err := c.applicationExists(ctx, a.Name); {
	case err != nil:
		return false, fmt.Errorf("look for application %s: %w", a.Name, err)
	case exists:
		return false, nil
	}
	if err := c.createApplication(ctx, a); err != nil {
		return false, fmt.Errorf("create application %s: %w", a.Name, err)
	}
	switch exists, err := c.applicationExists(ctx, a.Name); {
	case err != nil:
		return false, fmt.Errorf("read application %s back: %w", a.Name, err)
	case !exists:
		return false, fmt.Errorf("create application %s: %w: the task succeeded, but Gate does not know the application", a.Name, failure.ErrTransient)
	}
	return true, nil
}

func (c *Client) applicationExists(ctx context.Context, name string) (bool, error) {
	_, err := read(ctx, c, func(ctx context.Context) (map[string]any, error) {
		// Without expand, Gate asks its store only, not every cluster.
		found, _, err := c.api.ApplicationControllerApi.GetApplicationUsingGET(ctx, escaped(name), //nolint:bodyclose // spin closes it
			&api.ApplicationControllerApiGetApplicationUsingGETOpts{Expand: optional.NewBool(false)})
		return found, orEmpty(found == nil, err)
	})
	if errors.Is(err, failure.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (c *Client) createApplication(ctx context.Context, a pipeline.Application) error {
	started, err := call(ctx, c, func(ctx context.Context) (map[string]any, error) {
		ref, _, err := c.api.TaskControllerApi.TaskUsingPOST1(ctx, map[string]any{ //nolint:bodyclose // spin closes it
			"application": a.Name,
			"description": "Create application: " + a.Name,
			"job": []any{map[string]any{
				"type": "createApplication",
				"user": a.Email,
				"application": map[string]any{
					"name":           a.Name,
					"email":          a.Email,
					"cloudProviders": "kubernetes",
				},
			}},
		})
		return ref, orEmpty(ref == nil, err)
	})
	if err != nil {
		return err
	}
	ref, _ := started["ref"].(string)
	id := path.Base(ref)
	for {
		task, err := c.task(ctx, id)
		if err != nil {
			return err
		}
		switch status := pipeline.Status(task.Status); {
		case status == pipeline.Succeeded:
			return nil
		case status.Complete():
			return fmt.Errorf("task %s: %w: %s", id, failure.ErrRefused, task.reason())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("task %s: %w: it is still %s: %w", id, failure.ErrTransient, task.Status, ctx.Err())
		case <-time.After(taskPause):
		}
	}
}

// task is an orca task, as far as we read it.
type task struct {
	Status    string `json:"status"`
	Variables []struct {
		Key   string          `json:"key"`
		Value json.RawMessage `json:"value"`
	} `json:"variables"`
}

// reason says why the task failed, in orca's words.
func (t task) reason() string {
	for _, v := range t.Variables {
		var e exception
		if v.Key == "exception" && json.Unmarshal(v.Value, &e) == nil {
			if text := e.text(); text != "" {
				return text
			}
		}
	}
	return "it ended as " + t.Status
}

func (c *Client) task(ctx context.Context, id string) (task, error) {
	return read(ctx, c, func(ctx context.Context) (task, error) {
		answer, _, err := c.api.TaskControllerApi.GetTaskUsingGET1(ctx, escaped(id)) //nolint:bodyclose // spin closes it
		if err := orEmpty(answer == nil, err); err != nil {
			return task{}, err
		}
		return reshaped[task](answer)
	})
}

// orEmpty turns an empty 200 into an error: Gate answers so when a service behind it failed.
func orEmpty(empty bool, err error) error {
	if err == nil && empty {
		return fmt.Errorf("%w: Gate's answer is empty", failure.ErrTransient)
	}
	return err
}

// reshaped turns what spin decoded into the type that we read.
func reshaped[T any](answer any) (T, error) {
	var out T
	data, err := json.Marshal(answer)
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		return out, fmt.Errorf("%w: Gate's answer has another shape: %w", failure.ErrRefused, err)
	}
	return out, nil
}
