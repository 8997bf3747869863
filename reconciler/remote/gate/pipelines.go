package gate

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"cutover/generator/pipeline"
	"cutover/reconciler/failure"
)

const (
	// landWithin is how long a save that Gate did not wait for is looked for.
	landWithin = 10 * time.Second
	landPause  = 500 * time.Millisecond
)

// Pipelines lists the application's pipelines. An application that does not exist has none: Gate itself gives
// an empty list for it. Numbers are float64, as encoding/json decodes them.
func (c *Client) Pipelines(ctx context.Context, application string) ([]pipeline.Document, error) {
	list, err := read(ctx, c, func(ctx context.Context) ([]any, error) {
		list, _, err := c.api.ApplicationControllerApi.GetPipelineConfigsForApplicationUsingGET(ctx, escaped(application)) //nolint:bodyclose // spin closes it
		return list, orEmpty(list == nil, err)
	})
	if errors.Is(err, failure.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list pipelines of %s: %w", application, err)
	}
	documents := make([]pipeline.Document, 0, len(list))
	for _, entry := range list {
		object, ok := entry.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("list pipelines of %s: %w: an entry is no object", application, failure.ErrRefused)
		}
		documents = append(documents, object)
		c.note(object)
	}
	return documents, nil
}

// note remembers the version of a pipeline that was read.
func (c *Client) note(d pipeline.Document) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read[d.ID()] = version(d)
}

// version is Front50's time of the last save, in milliseconds as a string, or "" if the pipeline has none.
func version(d pipeline.Document) string {
	v, _ := d["updateTs"].(string)
	return v
}

// Save creates or overwrites the pipeline of d's id, and reads it back. It fails with failure.ErrRefused if
// the id belongs to another application, what would be overwritten does not carry the mark of d's estate (of whatever
// stack: the old one's are frozen this way), Gate does not take the document or stores another, and with
// failure.ErrConflict if the pipeline was changed since this client read it, or was never read.
func (c *Client) Save(ctx context.Context, d pipeline.Document) error {
	if err := c.save(ctx, d); err != nil {
		return fmt.Errorf("save pipeline %s of %s: %w", d.Name(), d.Application(), err)
	}
	return nil
}

func (c *Client) save(ctx context.Context, d pipeline.Document) error {
	if d.ID() == "" || d.Application() == "" || d.Name() == "" {
		return fmt.Errorf("%w: it needs an id, an application and a name", failure.ErrRefused)
	}
	stored, err := c.stored(ctx, d)
	if err != nil {
		return err
	}
	if stored != nil {
		if err := c.mayOverwrite(stored, d); err != nil {
			return err
		}
	}
	_, err = call(ctx, c, func(ctx context.Context) (struct{}, error) {
		_, err := c.api.PipelineControllerApi.SavePipelineUsingPOST(ctx, map[string]any(d), nil) //nolint:bodyclose // spin closes it
		return struct{}{}, err
	})
	var answer *answerError
	stillRunning := errors.As(err, &answer) && strings.Contains(answer.message, "(status: RUNNING)")
	if err != nil && !stillRunning {
		return err
	}
	return c.readBack(ctx, d, stored, stillRunning)
}

func (c *Client) mayOverwrite(stored, d pipeline.Document) error {
	if !strings.EqualFold(stored.Application(), d.Application()) {
		return fmt.Errorf("%w: the id %s is taken by pipeline %q of application %s: Spinnaker would overwrite it", failure.ErrRefused, d.ID(), stored.Name(), stored.Application())
	}
	mark, owned := pipeline.OwnedBy(stored)
	if wanted, marked := pipeline.OwnedBy(d); !owned || !marked || mark.Estate != wanted.Estate {
		return fmt.Errorf("%w: the stored pipeline, or what is to be stored, does not carry the mark of our estate", failure.ErrRefused)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch seen, ok := c.read[d.ID()]; {
	case !ok:
		return fmt.Errorf("%w: it appeared since the application's pipelines were listed", failure.ErrConflict)
	case seen != version(stored):
		return fmt.Errorf("%w: it was saved at %s, after it was read", failure.ErrConflict, version(stored))
	}
	return nil
}

// readBack returns once the document is stored. A save that Gate stopped waiting for is given some time.
func (c *Client) readBack(ctx context.Context, d, before pipeline.Document, stillRunning bool) error {
	deadline := time.Now().Add(landWithin)
	for {
		stored, err := c.stored(ctx, d)
		if err != nil {
			return err
		}
		moved := stored != nil && (before == nil || version(stored) != version(before))
		want, err := pipeline.Normalize(d)
		if err != nil {
			return fmt.Errorf("%w: %w", failure.ErrRefused, err)
		}
		switch {
		case stored != nil && pipeline.Same(want, stored):
			c.note(stored)
			return nil
		case stillRunning && time.Now().Before(deadline):
		case moved:
			// Saving again would not help: that it changed between our save and this reading is most unlikely.
			return fmt.Errorf("%w: the stored pipeline differs from what was saved, first in %s: Spinnaker stores it in another way", failure.ErrRefused, pipeline.FirstDifference(want, stored))
		default:
			return fmt.Errorf("%w: Gate took the pipeline, but does not have it yet", failure.ErrTransient)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", failure.ErrTransient, ctx.Err())
		case <-time.After(landPause):
		}
	}
}

// Delete deletes the pipeline of d's id if it still has d's application, name and mark, and fails with
// failure.ErrRefused if it has not. A missing pipeline is no error.
//
// Gate deletes by name; the name is the one under which the id is stored.
func (c *Client) Delete(ctx context.Context, d pipeline.Document) error {
	if err := c.delete(ctx, d); err != nil {
		return fmt.Errorf("delete pipeline %s of %s: %w", d.Name(), d.Application(), err)
	}
	return nil
}

func (c *Client) delete(ctx context.Context, d pipeline.Document) error {
	if d.ID() == "" || d.Application() == "" || d.Name() == "" {
		return fmt.Errorf("%w: it needs an id, an application and a name", failure.ErrRefused)
	}
	stored, err := c.stored(ctx, d)
	if err != nil || stored == nil {
		return err
	}
	mark, owned := pipeline.OwnedBy(stored)
	wanted, marked := pipeline.OwnedBy(d)
	switch {
	case !owned || !marked || !reflect.DeepEqual(mark, wanted):
		return fmt.Errorf("%w: the stored pipeline does not carry the same mark", failure.ErrRefused)
	case !strings.EqualFold(stored.Application(), d.Application()) || stored.Name() != d.Name():
		return fmt.Errorf("%w: its id now belongs to %q of application %s", failure.ErrRefused, stored.Name(), stored.Application())
	}
	_, err = call(ctx, c, func(ctx context.Context) (struct{}, error) {
		_, err := c.api.PipelineControllerApi.DeletePipelineUsingDELETE(ctx, escaped(stored.Application()), escaped(stored.Name())) //nolint:bodyclose // spin closes it
		return struct{}{}, err
	})
	if err != nil {
		return err
	}
	// Gate says 200 for a name that it does not find.
	left, err := c.stored(ctx, d)
	if err == nil && left != nil {
		return fmt.Errorf("%w: Gate took the deletion, but still has the pipeline", failure.ErrTransient)
	}
	return err
}

// stored is the pipeline of d's id, in whatever application it is, or nil if there is none.
func (c *Client) stored(ctx context.Context, d pipeline.Document) (pipeline.Document, error) {
	found, err := read(ctx, c, func(ctx context.Context) (map[string]any, error) {
		found, _, err := c.api.ApplicationControllerApi.GetPipelineConfigUsingGET(ctx, escaped(d.Application()), escaped(d.ID())) //nolint:bodyclose // spin closes it
		return found, orEmpty(found == nil, err)
	})
	if errors.Is(err, failure.ErrNotFound) {
		return nil, nil
	}
	return found, err
}
