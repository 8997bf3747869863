package gate

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/antihax/optional"
	api "github.com/spinnaker/spin/gateapi"

	"cutover/generator/pipeline"
)

// underWay are the statuses of executions that are not complete.
var underWay = strings.Join([]string{
	string(pipeline.NotStarted), string(pipeline.Running), string(pipeline.Paused),
	string(pipeline.Suspended), string(pipeline.Buffered), string(pipeline.Redirect),
}, ",")

// mostRunning is how many executions are asked for of each pipeline. One that has more under way is no less under way.
const mostRunning = 100

// Running lists the executions of an application's pipelines that are not complete, newest first, at most 100 of each
// pipeline; none for an application that does not exist. Those of a pipeline that was deleted meanwhile are not among
// them: Gate asks Orca by the ids of the pipelines that there are.
func (c *Client) Running(ctx context.Context, application string) ([]pipeline.Execution, error) {
	found, err := c.executions(ctx, func(ctx context.Context) ([]any, *http.Response, error) {
		return c.api.ApplicationControllerApi.GetPipelinesUsingGET(ctx, escaped(application), &api.ApplicationControllerApiGetPipelinesUsingGETOpts{
			Statuses: optional.NewString(underWay),
			Expand:   optional.NewBool(false),
			Limit:    optional.NewInt32(mostRunning),
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list running executions of %s: %w", application, err)
	}
	var running []pipeline.Execution
	for _, x := range found {
		if !x.Status.Complete() { // it may have ended between Orca's search and its answer
			running = append(running, x)
		}
	}
	return running, nil
}
