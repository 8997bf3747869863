package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
	"cutover/reconciler/record"
)

// markerKey is the note of the newest marker that the journal tells about: its commit, and why it was refused.
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
	if err := r.recordApprovals(ctx, o, entry); err != nil {
		return err
	}
	if err := r.recordBreaches(ctx, d, k); err != nil {
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

// recordMarker tells of the markers that are new, counted or refused, and remembers how far the migration has come.
func (r *Reconciler) recordMarker(ctx context.Context, o outlook, k *knowledge, entry record.Entry) error {
	newest, refused := k.course.newest, k.course.refused
	if newest.Commit == "" || k.course.unasked != nil {
		return nil // nothing new is known
	}
	told, what := "", newest.Commit+" "+string(refused.Code)
	if _, err := r.note(ctx, o.desired, markerKey, &told); err != nil || told == what {
		return err
	}
	if len(k.course.counted) > 0 { // also one that counted just before the refused one
		if err := r.setNote(ctx, o.desired, courseKey, k.course.noted()); err != nil {
			return err
		}
	}
	if err := r.recordCounted(ctx, o, k, entry); err != nil {
		return err
	}
	if refused.Code != "" {
		entry.Kind, entry.Commit, entry.Reason = record.Refusal, newest.Commit, refused.Text
		if _, err := r.Journal.Append(ctx, entry); err != nil {
			return err
		}
	}
	return r.setNote(ctx, o.desired, markerKey, what)
}

// countedKey is the note of the newest marker that counts and that the journal tells about: its commit.
const countedKey = "counted"

// recordCounted tells of every marker that counts and was not told of: several may have been merged between two looks.
func (r *Reconciler) recordCounted(ctx context.Context, o outlook, k *knowledge, entry record.Entry) error {
	counted, told := k.course.counted, ""
	if _, err := r.note(ctx, o.desired, countedKey, &told); err != nil {
		return err
	}
	begin := slices.IndexFunc(counted, func(c countedMarker) bool { return c.Commit == told }) + 1
	for _, c := range counted[begin:] {
		came := evidence.Marker{PullRequest: c.PullRequest}
		if c.Commit == k.course.newest.Commit {
			came = k.course.newest
		} else if a, ok := k.arrivals[c.Commit]; ok {
			came = a.marker
		}
		entry.Kind, entry.Marker, entry.Commit, entry.Reason = record.Marker, c.Marker, c.Commit, arrived(came)
		if _, err := r.Journal.Append(ctx, entry); err != nil {
			return err
		}
		if err := r.setNote(ctx, o.desired, countedKey, c.Commit); err != nil {
			return err
		}
	}
	return nil
}

// approvedKey is the note of the approvals that the journal tells of, by step and test.
const approvedKey = "approved"

// recordApprovals tells who approved which test: it is by their word that the migration goes on.
func (r *Reconciler) recordApprovals(ctx context.Context, o outlook, entry record.Entry) error {
	told := map[string]string{}
	if _, err := r.note(ctx, o.desired, approvedKey, &told); err != nil {
		return err
	}
	for _, test := range o.evidence.Smoke {
		if test.State != evidence.SmokePassed || !slices.ContainsFunc(o.desired.migration.Smoke, func(s estate.Smoke) bool { return s.Name == test.Name && s.Approval != "" }) {
			continue
		}
		key, what := fmt.Sprint(test.Step, " ", test.Name), fmt.Sprintf("%s at %s", test.Reason, test.At.UTC().Format(time.RFC3339))
		if told[key] == what {
			continue
		}
		entry.Kind, entry.Step, entry.Verb, entry.Target, entry.Reason = record.Observation, test.Step, "approved", test.Name, what
		if _, err := r.Journal.Append(ctx, entry); err != nil {
			return err
		}
		told[key] = what
		if err := r.setNote(ctx, o.desired, approvedKey, told); err != nil {
			return err
		}
	}
	return nil
}

// arrived says who brought a marker.
func arrived(m evidence.Marker) string {
	if m.PullRequest == 0 {
		return "pushed without a pull request"
	}
	text := fmt.Sprintf("pull request #%d", m.PullRequest)
	if m.MergedBy != "" {
		text += ", merged by " + m.MergedBy
	}
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
		behind := phase.IsBehind(s)
		switch {
		case behind && !was && k.acts: // who only looks does not know since when
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

// journaled writes down what is to be done, does it, and writes down what became of it. Without its intent in the journal
// nothing is done, but for one thing: traffic that has to go back goes back, and what it goes back by is judged, also when
// the disk is full. A result may be missing: the world tells it.
func (r *Reconciler) journaled(ctx context.Context, d *desired, at estate.Marker, a phase.Action, lowers bool, do func(context.Context) error) error {
	id, err := r.Journal.Append(ctx, record.Entry{
		At: r.Now(), Migration: d.migration.Name, Kind: record.Action, Marker: at, Commit: d.head,
		Step: a.Step, Verb: string(a.Verb), Target: a.Target, Key: a.Key, Reason: a.Reason, Undo: a.Undo,
	})
	if err != nil && !lowers {
		return fmt.Errorf("nothing was done: %w", err)
	}
	failed := do(ctx)
	if err != nil {
		r.Log.ErrorContext(ctx, "done without an entry in the journal", "verb", a.Verb, "weight", a.Weight, "reason", a.Reason, "error", err)
		return failed
	}
	outcome, reason := record.Done, ""
	if failed != nil {
		outcome, reason = record.Failed, failed.Error()
	}
	return errors.Join(failed, r.Journal.End(ctx, id, outcome, reason, r.Now()))
}
