package phase

import (
	"fmt"
	"slices"
	"time"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// Waves are the classes that step 6 deploys, in its order: the singleton comes before its clients, and an
// exclusive service never runs in both clusters, so it is not deployed at all.
var Waves = []estate.Class{estate.Stateless, estate.Singleton, estate.StatefulClient}

// A failed deployment is tried again after retryFirst, then after twice as long each time, up to retryMost.
const (
	retryFirst = time.Minute
	retryMost  = 15 * time.Minute
)

// deployFirst is step 6. Once the freeze has begun it only asks that every service has been deployed: what git names
// since then is deployed by step 10, after the freeze and the re-sync.
func deployFirst(s situation) Progress {
	if s.at.Phase <= estate.Deploy {
		return deployServices(s)
	}
	n := 0
	for _, svc := range s.e.Services {
		if !slices.Contains(Waves, svc.Class) {
			continue
		}
		if !slices.ContainsFunc(svc.Deployments, func(d evidence.Deployment) bool { return d.Status == pipeline.Succeeded }) {
			return deployServices(s)
		}
		n++
	}
	return Progress{Done: n, Total: n}
}

// deployServices is steps 6 and 10. A wave begins when every service of the one before is ready, so that nothing meets
// a dependency that is not there yet.
func deployServices(s situation) Progress {
	m, e, p := s.m, s.e, Progress{}
	for _, ns := range e.Namespaces {
		p.Actions = append(p.Actions, Action{Verb: CreateNamespace, Target: ns.String(), Reason: "the new cluster lacks it", Undo: "delete the namespace"})
	}
	if len(p.Actions) > 0 {
		p.Waiting = because(NamespacesPending, "%d namespaces are missing in %s", len(p.Actions), m.To.Cluster)
		return p
	}
	for _, s := range e.Services {
		if s.Present != "" {
			p.Waiting = because(ExclusivePresent, "%s is exclusive, and %s has %s: it must not run in both clusters; delete it there, or change its class back", s.ID, m.To.Cluster, s.Present)
			return p
		}
	}
	if pin, ok := pinVersions(m, e); ok {
		return pin
	}
	for _, class := range Waves {
		wave := deployWave(s, class)
		p.Done += wave.Done
		p.Total += wave.Total
		if p.complete() { // later waves are only counted
			p.Actions, p.Waiting, p.Until = wave.Actions, wave.Waiting, wave.Until
		}
	}
	return p
}

// pinVersions asks for the commit of versions.yaml as long as it lacks a version that could be read.
func pinVersions(m *estate.Migration, e *evidence.Evidence) (Progress, bool) {
	missing := 0
	for _, s := range e.Services {
		if s.Pinned.IsZero() && !s.Running.IsZero() {
			missing++
		}
	}
	if missing == 0 {
		return Progress{}, false
	}
	why := because(VersionsPending, "%d services have no version pinned", missing)
	return Progress{Total: missing, Waiting: why, Actions: []Action{{
		Verb: PinVersions, Target: m.Branch, Reason: why.Text, Undo: "revert the commit on " + m.Branch,
	}}}, true
}

// deployWave brings the services of one class to the objects that git names, as many at once as the migration
// allows. A service that fails keeps the next wave from beginning; the others of its wave go on.
func deployWave(at situation, class estate.Class) Progress {
	var (
		p       Progress
		running int
		pending []Action
		halted  Reason
		halts   int
	)
	for _, s := range at.e.Services {
		if s.Class != class {
			continue
		}
		p.Total++
		if s.Pinned.IsZero() && s.Blocked == "" {
			halted = because(VersionUnknown, "%s: the version that %s runs could not be read: %s", s.ID, at.m.From.Cluster, s.Unknown)
			halts++
			p.Until = Earlier(p.Until, at.now.Add(glance)) // nothing tells of a change in the old cluster
			continue
		}
		switch state, reason, until := stand(s, at.now); state {
		case ready:
			p.Done++
		case busy:
			running++
			p.Waiting = because(Deploying, "%s", reason)
		case unready:
			p.Waiting = because(Deploying, "%s", reason)
		case due:
			pending = append(pending, deployment(s, reason))
		case stuck:
			halted = because(DeployFailed, "%s: %s", s.ID, reason)
			halts++
			p.Until = Earlier(p.Until, until)
		case blocked:
			halted = because(ServiceBlocked, "%s", reason)
			halts++
		}
	}
	free := max(at.m.Parallel-running, 0)
	p.Actions = pending[:min(free, len(pending))]
	switch waiting := p.Total - p.Done; {
	case waiting == 0:
		p.Waiting = Reason{}
	case len(p.Actions) == 1 && waiting == 1:
		p.Waiting = because(Deploying, "%s: %s", p.Actions[0].Target, p.Actions[0].Reason)
	case halts == waiting: // the others are done: this is what holds the wave
		p.Waiting = halted
	case halted.Code != "":
		p.Waiting = because(Deploying, "%d of %d %s services are not ready yet; %s", waiting, p.Total, class, halted.Text)
	case waiting > 1:
		p.Waiting = because(Deploying, "%d of %d %s services are not ready yet", waiting, p.Total, class)
	}
	return p
}

type state int

const (
	ready   state = iota
	busy          // an execution is under way: it takes one of the places
	unready       // deployed, not healthy yet
	due           // to be deployed now
	stuck         // failed; tried again later, or never
	blocked       // a person has to change git
)

// stand says where one service stands, why, and when a stuck one is tried again (zero: never).
func stand(s evidence.Service, now time.Time) (state, string, time.Time) {
	if s.Blocked != "" {
		return blocked, s.Blocked, time.Time{}
	}
	if s.Occupied != "" {
		return busy, fmt.Sprintf("%s: %s, which somebody else started, is under way", s.ID, s.Occupied), time.Time{}
	}
	if len(s.Deployments) == 0 {
		return due, "git names it, and it was never deployed", time.Time{}
	}
	last := s.Deployments[0]
	switch {
	case !last.Status.Complete():
		return busy, fmt.Sprintf("%s: %s is %s", s.ID, last.ID, last.Status), time.Time{}
	case last.Digest != s.Wanted:
		return due, "git names other objects than the last deployment made", time.Time{}
	case last.Status == pipeline.Succeeded && s.Ready:
		return ready, "", time.Time{}
	case last.Status == pipeline.Succeeded:
		return unready, fmt.Sprintf("%s: %s", s.ID, s.Status), time.Time{}
	}
	if last.Status == pipeline.Canceled {
		return stuck, fmt.Sprintf("%s was canceled: it is deployed again when git names other objects for it", execution(last)), time.Time{}
	}
	again := last.Ended.Add(pause(failuresOf(s)))
	if now.Before(again) {
		return stuck, fmt.Sprintf("%s failed: %s", execution(last), last.Reason), again
	}
	return due, fmt.Sprintf("%s failed (%s): trying again", execution(last), last.Reason), time.Time{}
}

// execution names a deployment's execution, and where to look at it.
func execution(d evidence.Deployment) string {
	if d.URL == "" {
		return d.ID
	}
	return d.ID + " <" + d.URL + ">"
}

// pause is how long to wait after a number of failures in a row, which is at least one.
func pause(failures int) time.Duration {
	wait := retryFirst
	for range failures - 1 {
		wait = min(2*wait, retryMost)
	}
	return wait
}

// failuresOf counts how many deployments of the wanted objects have failed in a row.
func failuresOf(s evidence.Service) int {
	n := 0
	for _, d := range s.Deployments {
		if d.Digest != s.Wanted || d.Status == pipeline.Succeeded {
			break
		}
		n++
	}
	return n
}

func deployment(s evidence.Service, reason string) Action {
	number := 1
	if len(s.Deployments) > 0 {
		number = s.Deployments[0].Number + 1
	}
	return Action{
		Verb:    Deploy,
		Target:  s.ID.String(),
		Service: s.ID,
		Key:     Correlation{s.ID.Name, s.Wanted, number}.String(),
		Reason:  reason,
		Undo:    "delete the service's objects in the new cluster",
	}
}
