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
	all, err := c.of(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("list silences: %w", err)
	}
	var list []evidence.Silence
	for _, s := range all {
		if state(s) != models.SilenceStatusStateActive {
			continue
		}
		list = append(list, evidence.Silence{
			ID: value(s.ID), Matchers: fromModel(s.Matchers), Owner: owner, Comment: value(s.Comment),
			Starts: time.Time(value(s.StartsAt)).UTC(), Ends: time.Time(value(s.EndsAt)).UTC(),
		})
	}
	return list, nil
}

// of lists the silences whose creator is exactly the owner, in any state, sorted by id.
func (c *Client) of(ctx context.Context, owner string) ([]*models.GettableSilence, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	answer, err := c.silences.GetSilences(silence.NewGetSilencesParamsWithContext(ctx))
	if err != nil {
		return nil, translated(err)
	}
	all := slices.DeleteFunc(answer.Payload, func(s *models.GettableSilence) bool { return s == nil || value(s.CreatedBy) != owner })
	slices.SortFunc(all, func(a, b *models.GettableSilence) int { return cmp.Compare(value(a.ID), value(b.ID)) })
	return all, nil
}

// standing is the id of the owner's silence with these matchers that has not ended; "" if there is none.
func (c *Client) standing(ctx context.Context, owner string, matchers []string) (string, error) {
	all, err := c.of(ctx, owner)
	if err != nil {
		return "", err
	}
	for _, s := range all {
		if state(s) != models.SilenceStatusStateExpired && slices.Equal(fromModel(s.Matchers), matchers) {
			return value(s.ID), nil
		}
	}
	return "", nil
}

// Silence creates the silence, or changes the one of its id, and returns its id. Without an id it changes the one of the
// same owner with the same matchers that has not ended: a creation whose answer was lost, or one that Alertmanager, whose
// clock is behind, has not begun yet. One that stands keeps its begin. A change of matchers, and a change of one that has
// ended, gives a new id. Failing with failure.ErrRefused, it says what is wrong with the matchers, the times or the owner.
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
	if s.ID == "" {
		if s.ID, err = c.standing(ctx, s.Owner, fromModel(toModel(matchers))); err != nil {
			return "", fmt.Errorf("silence alarms: %w", err)
		}
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
		case state(have) == models.SilenceStatusStatePending && starts.After(time.Time(value(have.StartsAt))):
			starts = time.Time(value(have.StartsAt)) // it shall not be put off with every try
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

// Expire ends a silence of an owner now. One that has ended, or that Alertmanager has forgotten, is no error; one of
// another owner is failure.ErrRefused.
func (c *Client) Expire(ctx context.Context, id, owner string) error {
	switch ended, of, err := c.ended(ctx, id); {
	case err != nil:
		return fmt.Errorf("read silence %s: %w", id, err)
	case ended:
		return nil
	case of != owner:
		return fmt.Errorf("expire silence %s: %w: it is of %q", id, failure.ErrRefused, of)
	}
	err := c.expire(ctx, id)
	if err == nil {
		return nil
	}
	// Older versions answer 500 for one that has ended: it may have, just now.
	if ended, _, again := c.ended(ctx, id); again == nil && ended {
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

// ended tells whether a silence mutes nothing any more, and else whose it is.
func (c *Client) ended(ctx context.Context, id string) (ended bool, owner string, err error) {
	s, err := c.get(ctx, id)
	if errors.Is(err, failure.ErrNotFound) {
		return true, "", nil
	}
	if err != nil {
		return false, "", err
	}
	return state(s) == models.SilenceStatusStateExpired, value(s.CreatedBy), nil
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
