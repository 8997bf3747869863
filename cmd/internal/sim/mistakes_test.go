package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/reconciler"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/record"
)

// seeing sees the proxies otherwise than they are.
type seeing struct {
	reconciler.Edge
	as func(*evidence.Proxy)
}

func (s seeing) Proxies(ctx context.Context, names []string, backend, from, to string) ([]evidence.Proxy, error) {
	out, err := s.Edge.Proxies(ctx, names, backend, from, to)
	for i := range out {
		s.as(&out[i])
	}
	return out, err
}

// What is not seen: errors of the new cluster, its sessions, and that its server is down.
func rosy(p *evidence.Proxy)    { p.To.Errors = 0 }
func quiet(p *evidence.Proxy)   { p.To.Current = 0 }
func hopeful(p *evidence.Proxy) { p.To.Up = true }

// content measures nothing wrong.
type content struct{}

func (content) Measure(_ context.Context, query string) (float64, error) {
	if strings.HasPrefix(query, "requests") {
		return 1000, nil
	}
	return 0, nil
}

// taking lets a principal in and puts another one out.
type taking struct{ reconciler.Roles }

func (r taking) Trust(ctx context.Context, name, principal string) error {
	if err := r.Distrust(ctx, name, "arn:aws:iam::123456789012:role/nodes.orbit-prod"); err != nil {
		return err
	}
	return r.Roles.Trust(ctx, name, principal)
}

// muting silences other alarms too.
type muting struct{ reconciler.Alarms }

func (a muting) Silence(ctx context.Context, s evidence.Silence) (string, error) {
	s.Matchers = []string{`cluster=~"orbit-prod.*"`}
	return a.Alarms.Silence(ctx, s)
}

// forgetful lists no executions, so that what a process before started is started again.
type forgetful struct{ reconciler.Executions }

func (forgetful) Recent(context.Context, string, string, int) ([]pipeline.Execution, error) {
	return nil, nil
}

// careless says that an entry is safe, and does not write it, for half of them.
type careless struct {
	reconciler.Journal
	entries int64
}

func (j *careless) Append(ctx context.Context, e record.Entry) (int64, error) {
	if j.entries++; j.entries%2 == 0 {
		return j.entries, nil
	}
	return j.Journal.Append(ctx, e)
}

// lasting makes every silence a day longer.
type lasting struct{ reconciler.Alarms }

func (a lasting) Silence(ctx context.Context, s evidence.Silence) (string, error) {
	s.Ends = s.Ends.Add(24 * time.Hour)
	return a.Alarms.Silence(ctx, s)
}

// hasty moves traffic as soon as it sees the proxies.
type hasty struct{ reconciler.Edge }

func (h hasty) Proxies(ctx context.Context, names []string, backend, from, to string) ([]evidence.Proxy, error) {
	if err := h.SetWeight(ctx, names, backend, from, to, 1); err != nil {
		return nil, err
	}
	return h.Edge.Proxies(ctx, names, backend, from, to)
}

// leaveOut takes the first weight for done without setting it.
func leaveOut(_ *estate.Migration, at *estate.Marker, e *evidence.Evidence) {
	if at.Phase != estate.Canary || e.Edge.Bake.Weight > 1 {
		return
	}
	proxies := slices.Clone(e.Edge.Proxies)
	if at.Weight == 1 {
		for i := range proxies {
			proxies[i].From.Weight, proxies[i].To.Weight = 99, 1
		}
		e.Edge.Proxies = proxies
		e.Edge.Bake = evidence.Bake{Commit: e.Marker.Commit, Weight: 1, Baseline: proxies, Good: 1, Passed: true}
		return
	}
	if e.Edge.Bake.Commit == "" || e.Edge.Bake.Weight == 0 {
		e.Edge.Bake = evidence.Bake{Commit: e.Marker.Commit, Weight: 1, Baseline: proxies, Good: 1, Passed: true}
	}
}

// late keeps the note of the bake to itself until the next one comes.
type late struct {
	reconciler.Journal
	kept *record.Note
}

func (j *late) SetNote(ctx context.Context, m estate.MigrationName, n record.Note) error {
	if n.Key != "bake" {
		return j.Journal.SetNote(ctx, m, n)
	}
	if j.kept != nil {
		if err := j.Journal.SetNote(ctx, m, *j.kept); err != nil {
			return err
		}
	}
	j.kept = &n
	return nil
}

func (j *late) Note(ctx context.Context, m estate.MigrationName, key string) (record.Note, bool, error) {
	if key == "bake" && j.kept != nil {
		return *j.kept, true, nil
	}
	return j.Journal.Note(ctx, m, key)
}

// vague writes every deployment down as a repair.
type vague struct{ reconciler.Journal }

func (j vague) Append(ctx context.Context, e record.Entry) (int64, error) {
	if e.Verb == "deploy" {
		e.Verb = "repair"
	}
	return j.Journal.Append(ctx, e)
}

// gullible says of every commit that names an exception from the freeze that it was reviewed.
type gullible struct {
	reconciler.Reviews
	history reconciler.History
}

func (g gullible) Arrival(ctx context.Context, branch, commit string) (review.Arrival, error) {
	a, err := g.Reviews.Arrival(ctx, branch, commit)
	if !errors.Is(err, failure.ErrNotFound) {
		return a, err
	}
	last, ok, failed := g.history.LastChange(commit, "migrations/eks/break-glass.yaml")
	if failed != nil || !ok || last.Hash != commit {
		return a, err
	}
	return review.Arrival{Number: 1, Commit: commit, MergedBy: "rita"}, nil
}

// sloppy loses the description of every pipeline that it thaws.
type sloppy struct{ store }

type store reconciler.Pipelines

func (s sloppy) Save(ctx context.Context, d pipeline.Document) error {
	if _, frozen, _ := pipeline.FrozenBy(d); !frozen {
		delete(d, "description")
	}
	return s.store.Save(ctx, d)
}

// eager takes every copy for one that may replace what differs.
type eager struct{ reconciler.Secrets }

func (s eager) Copy(ctx context.Context, t evidence.SecretTree, paths []string) error {
	t.Overwrite = true
	return s.Secrets.Copy(ctx, t, paths)
}
