package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/gitops/values"
	"cutover/reconciler/phase"
	"cutover/reconciler/world"
)

// review lets reviewers look at the pull requests that the daemon opened, and give the approvals that it waits for.
func (p *people) review(ctx context.Context) {
	now := p.w.Now()
	for _, r := range p.w.Proposed(p.m.Branch) {
		due, seen := p.due[r.Number]
		if !seen {
			p.due[r.Number] = now.Add(time.Duration(10+p.rng.IntN(300)) * time.Second)
			continue
		}
		if now.Before(due) {
			continue
		}
		p.due[r.Number] = now.Add(time.Minute)
		if !p.calm && p.rng.IntN(20) == 0 {
			_ = p.w.CloseRequest("rita", r.Number)
			continue
		}
		if p.rng.IntN(2) == 0 {
			_ = p.w.Approve("ravi", r.Number, "fine")
		}
		_ = p.w.Merge("rita", r.Number, p.method()) // it may be refused, or in conflict: then the daemon opens another
	}
	p.approve()
	if p.calm {
		p.unstick(ctx)
	}
}

func (p *people) method() world.Method {
	return []world.Method{world.MergeCommit, world.Squash, world.Rebase}[p.rng.IntN(3)]
}

// approve says what the daemon waits for, under the newest pull requests that were merged: one of them began the phase.
func (p *people) approve() {
	for _, report := range p.r.Reports() {
		key := fmt.Sprint(report.Marker, report.Commit, p.w.Now().Unix()/600) // again if it did not help
		if report.Decision.Reason.Code != phase.SmokeApproval || p.approved[key] || !p.calm && p.rng.IntN(10) > 0 {
			continue
		}
		p.approved[key] = true
		for _, r := range p.w.Requests() {
			if r.State != review.Merged || r.Base != p.m.Branch {
				continue
			}
			for _, test := range p.m.Smoke {
				if test.Approval != "" {
					_ = p.w.Say("rita", r.Number, "/approve "+test.Name)
				}
			}
		}
	}
}

// unstick lets a person see to what the daemon cannot: a marker that does not count, a weight that failed, a pause.
func (p *people) unstick(ctx context.Context) {
	for _, report := range p.r.Reports() {
		d := report.Decision
		if p.w.Now().Sub(p.changed) < 10*time.Minute {
			continue
		}
		at := report.Marker
		switch {
		case d.Kind == phase.Refuse, d.Reason.Code == phase.MarkerLost:
			p.move(lastGood(at), "put the marker right")
		case d.Kind == phase.Advance: // somebody closed the pull request, and the daemon opens no other: cutover advance does
			if next, ok := phase.Following(&p.m, at); ok && p.idle() {
				p.move(next, "go on")
			}
		case d.Reason.Code == phase.Paused:
			at.Paused = ""
			p.move(at, "go on")
		case d.Reason.Code == phase.WeightFailed:
			p.move(estate.Marker{Phase: estate.Freeze}, "go back: the canary failed")
		case d.Reason.Code == phase.MainConflict:
			p.resolve(ctx)
		}
	}
}

// idle tells whether the daemon has no pull request that could be merged: one that a rewritten branch left behind is
// closed.
func (p *people) idle() bool {
	for _, r := range p.w.Proposed(p.m.Branch) {
		if p.w.Now().Sub(p.changed) < 20*time.Minute {
			return false
		}
		_ = p.w.CloseRequest("rita", r.Number)
	}
	return true
}

func lastGood(at estate.Marker) estate.Marker {
	if at.Phase == 0 {
		return estate.Marker{Phase: estate.Prepare}
	}
	at.Paused = ""
	return at
}

// resolve takes main's files where both branches changed them.
func (p *people) resolve(ctx context.Context) {
	for _, path := range p.conflicts(ctx) {
		if data := p.w.File(world.Main, path); data != nil {
			_, _ = p.w.Push("rita", p.m.Branch, []estate.File{{Path: path, Data: data}}, nil, "Take main's "+path)
		}
	}
}

func (p *people) conflicts(ctx context.Context) []string {
	d, err := p.w.Another().Ports().Repository.Divergence(ctx, p.w.Head(p.m.Branch), p.w.Head(world.Main))
	if err != nil {
		return nil
	}
	return d.Conflicts
}

// marker is the marker on the branch now.
func (p *people) marker() estate.Marker {
	at, _ := values.ParseMarker(p.m.MarkerPath(), p.w.File(p.m.Branch, p.m.MarkerPath()))
	return at
}

// move lets a person propose a marker and merge it.
func (p *people) move(to estate.Marker, why string) {
	p.propose(to, to.Phase.String(), why, true)
}

// propose opens and merges a pull request with a marker and a trailer.
func (p *people) propose(to estate.Marker, trailer, why string, merge bool) {
	p.versions++
	branch := fmt.Sprintf("people/%d", p.versions)
	base := p.w.Head(p.m.Branch)
	if base == "" {
		return
	}
	data := values.MarkerFile(to)
	if bytes.Equal(p.w.File(p.m.Branch, p.m.MarkerPath()), data) {
		data = fmt.Appendf(data, "# %d\n", p.versions) // so that it counts anew
	}
	p.w.Branch(branch, base)
	message := why + "\n\nCutover-Phase: " + trailer + "\n"
	if _, err := p.w.Push("rita", branch, []estate.File{{Path: p.m.MarkerPath(), Data: data}}, nil, message); err != nil {
		return
	}
	number, err := p.w.Open("rita", branch, p.m.Branch, why)
	if err == nil && merge {
		_ = p.w.Merge("rita", number, p.method())
	}
}
