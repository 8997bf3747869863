package reconciler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
	"cutover/reconciler/record"
)

// markerKey is the note of the newest marker that the journal tells about: its commit.
const markerKey = "marker"

// keepRecord writes to the journal what is new: a marker, and a decision other than the last one.
func (r *Reconciler) keepRecord(ctx context.Context, o outlook, k *knowledge) error {
	d, c := o.desired, k.course
	entry := record.Entry{At: r.Now(), Migration: d.migration.Name, Marker: c.at, Commit: d.head}
	if k.recorded.Code == "" {
		begin := entry
		begin.Kind, begin.Reason = record.Run, "began to work on "+d.migration.Branch
		if _, err := r.Journal.Append(ctx, begin); err != nil {
			return err
		}
	}
	if err := r.recordMarker(ctx, o, k, entry); err != nil {
		return err
	}
	// Counts in a reason change all the time; its code tells whether something else holds.
	if o.decision.Reason.Code == k.recorded.Code {
		return nil
	}
	entry.Kind, entry.Step, entry.Verb, entry.Reason = record.Observation, o.decision.Step, string(o.decision.Kind), o.decision.Reason.Text
	if _, err := r.Journal.Append(ctx, entry); err != nil {
		return err
	}
	k.recorded = o.decision.Reason
	return nil
}

func (r *Reconciler) recordMarker(ctx context.Context, o outlook, k *knowledge, entry record.Entry) error {
	newest := k.course.newest
	if newest.Commit == "" {
		return nil
	}
	var told string
	if _, err := r.note(ctx, o.desired, markerKey, &told); err != nil || told == newest.Commit {
		return err
	}
	entry.Kind, entry.Commit, entry.Reason = record.Marker, newest.Commit, arrived(newest)
	if why := k.course.refused; why.Code != "" {
		entry.Kind, entry.Reason = record.Refusal, why.Text
	}
	if _, err := r.Journal.Append(ctx, entry); err != nil {
		return err
	}
	return r.setNote(ctx, o.desired, markerKey, newest.Commit)
}

// arrived says who brought a marker.
func arrived(m evidence.Marker) string {
	if m.PullRequest == 0 {
		return "pushed without a pull request"
	}
	text := fmt.Sprintf("pull request #%d, merged by %s", m.PullRequest, m.MergedBy)
	if len(m.Approvers) > 0 {
		text += ", approved by " + strings.Join(m.Approvers, ", ")
	}
	return text
}

// behindKey is the note of the services whose old version differs from the pinned one, and since when.
const behindKey = "behind"

// noteDrift tells since when each service of the old cluster runs another version than the pinned one: what a re-sync will
// have to bring over.
func (r *Reconciler) noteDrift(ctx context.Context, d *desired, k *knowledge, e *evidence.Evidence) error {
	known := map[string]time.Time{}
	if _, err := r.note(ctx, d, behindKey, &known); err != nil {
		return err
	}
	changed := false
	for i, s := range e.Services {
		key := s.ID.String()
		since, was := known[key]
		behind := isBehind(s)
		switch {
		case behind && !was:
			since = r.Now()
			known[key], changed = since, true
		case !behind && was:
			delete(known, key)
			since, changed = time.Time{}, true
		}
		e.Services[i].Since = since
	}
	if !changed || !k.acts {
		return nil
	}
	return r.setNote(ctx, d, behindKey, known)
}

func isBehind(s evidence.Service) bool {
	return !s.Running.IsZero() && !s.Pinned.IsZero() && s.Running != s.Pinned
}

// journaled writes down what is to be done, does it, and writes down what became of it. Without its intent in the journal
// nothing is done. Its result may be missing there: the world tells it.
func (r *Reconciler) journaled(ctx context.Context, d *desired, k *knowledge, a phase.Action, do func(context.Context) error) error {
	id, err := r.Journal.Append(ctx, record.Entry{
		At: r.Now(), Migration: d.migration.Name, Kind: record.Action, Marker: k.course.at, Commit: d.head,
		Step: a.Step, Verb: string(a.Verb), Target: a.Target, Key: a.Key, Reason: a.Reason, Undo: a.Undo,
	})
	if err != nil {
		return err
	}
	failed := do(ctx)
	outcome, reason := record.Done, ""
	if failed != nil {
		outcome, reason = record.Failed, failed.Error()
	}
	return errors.Join(failed, r.Journal.End(ctx, id, outcome, reason, r.Now()))
}
