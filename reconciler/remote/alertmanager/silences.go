package alertmanager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-openapi/strfmt"
	"github.com/prometheus/alertmanager/api/v2/client/silence"
	"github.com/prometheus/alertmanager/api/v2/models"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

// skew is how far Alertmanager's clock may be behind ours. A silence that is to begin now is sent with a begin that much
// earlier, which Alertmanager moves to its own now; a begin in its future would leave the alarms on.
const skew = time.Minute

// Silences lists the active silences whose creator is exactly the owner, sorted by id.
func (c *Client) Silences(ctx context.Context, owner string) ([]evidence.Silence, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	answer, err := c.silences.GetSilences(silence.NewGetSilencesParamsWithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("list silences: %w", translated(err))
	}
	var list []evidence.Silence
	for _, s := range answer.Payload {
		if s == nil || state(s) != models.SilenceStatusStateActive || value(s.CreatedBy) != owner {
			continue
		}
		list = append(list, evidence.Silence{
			ID: value(s.ID), Matchers: fromModel(s.Matchers), Owner: owner, Comment: value(s.Comment),
			Starts: time.Time(value(s.StartsAt)).UTC(), Ends: time.Time(value(s.EndsAt)).UTC(),
		})
	}
	slices.SortFunc(list, func(a, b evidence.Silence) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}

// Silence creates the silence, or, if it has an id, changes that one, and returns its id. An active silence keeps its
// begin. A change of matchers, and a change of one that has ended, gives a new id. Failing with failure.ErrRefused, it
// says what is wrong with the matchers, the times or the owner.
func (c *Client) Silence(ctx context.Context, s evidence.Silence) (string, error) {
	matchers, err := parsed(s.Matchers)
	if err != nil {
		return "", fmt.Errorf("silence alarms: %w", err)
	}
	if s.Owner == "" || s.Comment == "" {
		return "", fmt.Errorf("silence alarms: %w: a silence needs an owner and a comment", failure.ErrRefused)
	}
	starts := s.Starts
	if !starts.After(time.Now()) {
		starts = starts.Add(-skew)
	}
	if s.ID != "" {
		switch have, err := c.get(ctx, s.ID); {
		case errors.Is(err, failure.ErrNotFound):
			s.ID = "" // it ended so long ago that Alertmanager has forgotten it
		case err != nil:
			return "", fmt.Errorf("read silence %s: %w", s.ID, err)
		case value(have.CreatedBy) != s.Owner:
			return "", fmt.Errorf("change silence %s: %w: it is of %q", s.ID, failure.ErrRefused, value(have.CreatedBy))
		case state(have) == models.SilenceStatusStateActive:
			starts = time.Time(value(have.StartsAt))
		}
	}
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	begin, end := strfmt.DateTime(starts), strfmt.DateTime(s.Ends)
	answer, err := c.silences.PostSilences(silence.NewPostSilencesParamsWithContext(ctx).WithSilence(&models.PostableSilence{
		ID: s.ID,
		Silence: models.Silence{
			Matchers: toModel(matchers), StartsAt: &begin, EndsAt: &end, CreatedBy: &s.Owner, Comment: &s.Comment,
		},
	}))
	if err != nil {
		return "", fmt.Errorf("silence alarms: %w", translated(err))
	}
	if answer.Payload == nil || answer.Payload.SilenceID == "" {
		return "", fmt.Errorf("silence alarms: %w: the answer has no id", failure.ErrTransient)
	}
	return answer.Payload.SilenceID, nil
}

// Expire ends a silence now. One that has ended, or that Alertmanager has forgotten, is no error.
func (c *Client) Expire(ctx context.Context, id string) error {
	if ended, err := c.ended(ctx, id); err != nil {
		return fmt.Errorf("read silence %s: %w", id, err)
	} else if ended {
		return nil
	}
	err := c.expire(ctx, id)
	if err == nil {
		return nil
	}
	// Older versions answer 500 for one that has ended: it may have, just now.
	if ended, again := c.ended(ctx, id); again == nil && ended {
		return nil
	}
	return fmt.Errorf("expire silence %s: %w", id, err)
}

func (c *Client) expire(ctx context.Context, id string) error {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	_, err := c.silences.DeleteSilence(silence.NewDeleteSilenceParamsWithContext(ctx).WithSilenceID(strfmt.UUID(id)))
	return translated(err)
}

func (c *Client) ended(ctx context.Context, id string) (bool, error) {
	s, err := c.get(ctx, id)
	if errors.Is(err, failure.ErrNotFound) {
		return true, nil
	}
	return err == nil && state(s) == models.SilenceStatusStateExpired, err
}

func (c *Client) get(ctx context.Context, id string) (*models.GettableSilence, error) {
	if !strfmt.IsUUID(id) {
		// Alertmanager makes no others, and answers them with an error about their form.
		return nil, fmt.Errorf("%w: %q is no id of a silence", failure.ErrNotFound, id)
	}
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	answer, err := c.silences.GetSilence(silence.NewGetSilenceParamsWithContext(ctx).WithSilenceID(strfmt.UUID(id)))
	if err != nil {
		return nil, translated(err)
	}
	if answer.Payload == nil {
		return nil, fmt.Errorf("%w: the answer is empty", failure.ErrTransient)
	}
	return answer.Payload, nil
}

func state(s *models.GettableSilence) string {
	if s.Status == nil {
		return ""
	}
	return value(s.Status.State)
}
