package phase

import (
	"fmt"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// freeze is step 8: nobody deploys to the old cluster any more, or changes the values, but for the services that
// break-glass names. What they run already may end.
func freeze(s situation) Progress {
	f, p := s.e.Freeze, keepFreeze(s)
	p.Total = len(f.Pipelines) + len(f.Reviews)
	p.Done = p.Total - len(p.Actions)
	switch {
	case len(p.Actions) > 0:
	case len(f.Running) > 0:
		p.wait(because(FreezeRunning, "%s of %s still run: %s", count(len(f.Running), "execution"), s.m.From.Stack, some(f.Running)), s.now.Add(glance))
	case len(f.Foreign) > 0:
		p.wait(because(FreezeForeign, "%s that git does not name can deploy to %s, and are not ours to lock: %s; disable them in Spinnaker, or let git name them",
			count(len(f.Foreign), "pipeline"), s.m.From.Cluster, some(f.Foreign)), p.Until)
	}
	return p
}

// lock freezes what is open and should not be.
func lock(s situation) []Action {
	opened := openedNow(s)
	var out []Action
	for _, pipe := range s.e.Freeze.Pipelines {
		if pipe.Frozen && !pipe.Tampered || opened[pipe.Service.Name] {
			continue
		}
		reason := "it can still deploy to " + s.m.From.Cluster.String()
		if pipe.Tampered {
			reason = "it carries our freeze, and somebody has opened it"
		}
		out = append(out, Action{Verb: FreezePipeline, Target: pipe.Application + "/" + pipe.Name, Key: pipe.ID, Service: pipe.Service,
			Reason: reason, Undo: "give the pipeline back its state from before"})
	}
	for _, r := range s.e.Freeze.Reviews {
		if !r.Blocked && !allOpened(r, opened) {
			out = append(out, Action{Verb: BlockReview, Target: fmt.Sprintf("#%d", r.Number), Key: r.Commit,
				Reason: "it changes values of the product", Undo: "set a good status"})
		}
	}
	return out
}

// letThrough opens what break-glass lets through.
func letThrough(s situation) []Action {
	opened := openedNow(s)
	var out []Action
	for _, pipe := range s.e.Freeze.Pipelines {
		if (pipe.Frozen || pipe.Tampered) && opened[pipe.Service.Name] {
			out = append(out, thawPipeline(pipe, "break-glass lets "+pipe.Service.Name.String()+" through", "freeze the pipeline"))
		}
	}
	for _, r := range s.e.Freeze.Reviews {
		if r.Blocked && allOpened(r, opened) {
			out = append(out, unblockReview(r, "break-glass lets its services through", "set the failing status"))
		}
	}
	return out
}

// keepFreeze makes the changes that the freeze needs.
func keepFreeze(s situation) Progress {
	p := Progress{Actions: append(lock(s), letThrough(s)...)}
	if len(p.Actions) > 0 {
		p.Waiting = because(FreezePending, "%s of the freeze still to be made", count(len(p.Actions), "change"))
	}
	return p
}

// thawSeen takes the freeze back while a system cannot be looked at: developers must not wait for a cluster that is lost,
// once the traffic is known to be back.
func thawSeen(s situation) (Decision, bool) {
	if s.at.Phase >= estate.Freeze || s.at.Paused != "" {
		return Decision{}, false
	}
	if s.e.IsUnseen(evidence.ThePipelines, evidence.TheFreeze, evidence.TheEdge) {
		return Decision{}, false
	}
	return Step{Number: 8}.decide(thaw(s))
}

// thaw undoes step 8.
func thaw(s situation) Progress {
	p := Progress{Total: len(s.e.Freeze.Pipelines) + len(s.e.Freeze.Reviews)}
	for _, pipe := range s.e.Freeze.Pipelines {
		if pipe.Frozen || pipe.Tampered {
			p.Actions = append(p.Actions, thawPipeline(pipe, "the freeze is over: the marker is at "+s.at.String(), "freeze the pipeline"))
		}
	}
	for _, r := range s.e.Freeze.Reviews {
		if r.Blocked {
			p.Actions = append(p.Actions, unblockReview(r, "the freeze is over: the marker is at "+s.at.String(), "set the failing status"))
		}
	}
	p.Done = p.Total - len(p.Actions)
	if len(p.Actions) > 0 {
		p.Waiting = because(ThawPending, "%s of the freeze still to be taken back", count(len(p.Actions), "change"))
	}
	return p
}

func thawPipeline(pipe evidence.FrozenPipeline, reason, undo string) Action {
	return Action{Verb: ThawPipeline, Target: pipe.Application + "/" + pipe.Name, Key: pipe.ID, Service: pipe.Service, Reason: reason, Undo: undo}
}

func unblockReview(r evidence.FrozenReview, reason, undo string) Action {
	return Action{Verb: UnblockReview, Target: fmt.Sprintf("#%d", r.Number), Key: r.Commit, Reason: reason, Undo: undo}
}

// openedNow are the services that break-glass lets through.
func openedNow(s situation) map[estate.ServiceName]bool {
	out := map[estate.ServiceName]bool{}
	for _, o := range s.e.Freeze.Opened {
		if s.now.Before(o.Until) {
			out[o.Service] = true
		}
	}
	return out
}

// allOpened says that a pull request touches no service but those that break-glass lets through.
func allOpened(r evidence.FrozenReview, opened map[estate.ServiceName]bool) bool {
	for _, id := range r.Services {
		if !opened[id.Name] {
			return false
		}
	}
	return true
}
