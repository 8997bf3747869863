package phase

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// After is the evidence as it would be once the action were done and had worked out: a deployment has succeeded and is
// ready, a test has passed. It leaves e as it is.
func After(m *estate.Migration, at estate.Marker, e *evidence.Evidence, a Action, now time.Time) evidence.Evidence {
	out := clone(e)
	situation{m, at, &out, now}.apply(a)
	return out
}

// Raises says that an action gives the new cluster more traffic than it was given before. Setting a weight again that a
// proxy has lost is no raise.
func Raises(a Action, e *evidence.Evidence) bool {
	return a.Verb == SetWeight && a.Weight > reached(e.Edge)
}

// Lifts says that an action gives some proxy's new cluster more traffic than it has now, be it a raise, or only a weight
// that the proxy has lost.
func Lifts(a Action, e *evidence.Evidence) bool {
	return a.Verb == SetWeight && slices.ContainsFunc(reachable(e.Edge), func(p evidence.Proxy) bool {
		return p.To.Weight < a.Weight && (len(a.Items) == 0 || slices.Contains(a.Items, p.Name))
	})
}

// Risks says that an action must not be done while an invariant is broken: it raises the traffic, or it deletes something.
func Risks(a Action, e *evidence.Evidence) bool {
	return Raises(a, e) || a.Verb == DeletePipeline
}

// apply changes the situation's evidence, which has to be a copy.
func (s situation) apply(a Action) {
	switch a.Verb {
	case CommitFiles:
		s.e.Files = nil
	case SavePipeline, DeletePipeline:
		s.applyPipeline(a)
	case CreateNamespace:
		s.e.Namespaces = slices.DeleteFunc(s.e.Namespaces, func(n estate.NamespaceName) bool { return n.String() == a.Target })
	case PinVersions:
		s.applyVersions(a)
	case Deploy:
		s.applyDeployment(a)
	case CopySecrets:
		s.e.Secrets.Different = slices.DeleteFunc(s.e.Secrets.Different, func(d evidence.SecretDifference) bool {
			stays := d.Kind == evidence.SecretExtra || d.Kind == evidence.SecretDiffers && !Overwrites(s.at)
			return !stays && slices.Contains(a.Items, d.Path)
		})
	case TrustPrincipal:
		each(s.e.Roles, func(r *evidence.Role) bool { return r.Name == a.Target }, func(r *evidence.Role) { r.Trusts = true })
	case RunSmoke:
		s.applySmoke(a)
	case FreezePipeline, ThawPipeline:
		each(s.e.Freeze.Pipelines, func(p *evidence.FrozenPipeline) bool { return p.ID == a.Key },
			func(p *evidence.FrozenPipeline) { p.Frozen, p.Tampered = a.Verb == FreezePipeline, false })
	case BlockReview, UnblockReview:
		each(s.e.Freeze.Reviews, func(r *evidence.FrozenReview) bool { return fmt.Sprintf("#%d", r.Number) == a.Target },
			func(r *evidence.FrozenReview) { r.Blocked = a.Verb == BlockReview })
	case MergeMain:
		s.e.Main.Behind, s.e.Main.Commits, s.e.Main.Take, s.e.Main.Unusable = 0, nil, nil, ""
	case RestartClient:
		each(s.e.Links, func(l *evidence.Link) bool { return l.Client == a.Service }, func(l *evidence.Link) { l.Stale = 0 })
	case SilenceAlarms, ExpireSilence:
		s.applySilence(a)
	case SetWeight:
		s.applyWeight(a)
	case BeginBake, PassBake, FailBake:
		s.e.Edge.Bake, s.e.Edge.Checks = Noted(s.m, s.e, a, s.now), nil
	}
}

func (s situation) applyPipeline(a Action) {
	if a.Verb == DeletePipeline {
		s.e.Pipelines = slices.DeleteFunc(s.e.Pipelines, func(p evidence.Pipeline) bool { return p.ID == a.Key })
		return
	}
	each(s.e.Pipelines, func(p *evidence.Pipeline) bool { return p.ID == a.Key },
		func(p *evidence.Pipeline) { p.State, p.Reason = evidence.PipelineSame, "" })
}

// applyVersions pins as the row that asks for it does: step 6 what is not pinned, step 9 all that has changed.
func (s situation) applyVersions(a Action) {
	for i := range s.e.Services {
		svc := &s.e.Services[i]
		if svc.Running.IsZero() || svc.Running == svc.Pinned || !svc.Pinned.IsZero() && a.Step != 9 {
			continue
		}
		svc.Pinned, svc.Since = svc.Running, time.Time{}
		svc.Wanted = digestAt(svc.Wanted, svc.Pinned)
	}
}

// digestAt stands for the objects of a service at another version.
func digestAt(digest string, v estate.Version) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(digest + "@" + v.String()))
	return hex.EncodeToString(h.Sum(nil))
}

func (s situation) applyDeployment(a Action) {
	c, _ := ParseCorrelation(a.Key)
	each(s.e.Services, func(svc *evidence.Service) bool { return svc.ID == a.Service }, func(svc *evidence.Service) {
		done := evidence.Deployment{Digest: c.Digest, Number: c.Number, ID: a.Key, Status: pipeline.Succeeded, Ended: s.now}
		svc.Deployments = append([]evidence.Deployment{done}, svc.Deployments...)
		svc.Ready, svc.Status = true, ""
		if svc.Class == estate.Exclusive {
			svc.NewPods = max(svc.NewPods, 1)
		}
	})
}

func (s situation) applySmoke(a Action) {
	each(s.e.Smoke, func(t *evidence.Smoke) bool { return t.Name == a.Target && t.Step == a.Step }, func(t *evidence.Smoke) {
		t.State, t.Reason, t.At = evidence.SmokePassed, "", s.now
		if isApproval(s.m, t.Name) {
			t.State = evidence.SmokeWaiting
		}
	})
}

func (s situation) applySilence(a Action) {
	if a.Key != "" {
		s.e.Silences = slices.DeleteFunc(s.e.Silences, func(old evidence.Silence) bool { return old.ID == a.Key })
	}
	if a.Verb == ExpireSilence {
		return
	}
	id := a.Key
	if id == "" {
		id = "planned"
	}
	s.e.Silences = append(s.e.Silences, evidence.Silence{ID: id, Matchers: wantedMatchers(s), Starts: s.now, Ends: s.now.Add(longest(s.m))})
	slices.SortFunc(s.e.Silences, func(a, b evidence.Silence) int { return strings.Compare(a.ID, b.ID) })
}

func (s situation) applyWeight(a Action) {
	each(s.e.Edge.Proxies, func(p *evidence.Proxy) bool {
		return p.Unreachable == "" && (len(a.Items) == 0 || slices.Contains(a.Items, p.Name))
	}, func(p *evidence.Proxy) { p.To.Weight, p.From.Weight = a.Weight, 100-a.Weight })
	s.e.Edge.Steady, s.e.Edge.SteadySince = nil, time.Time{} // what was counted is of another weight
}

// each changes the elements that match.
func each[T any](list []T, match func(*T) bool, change func(*T)) {
	for i := range list {
		if match(&list[i]) {
			change(&list[i])
		}
	}
}

// clone copies evidence as deep as apply and foresee may change it.
func clone(e *evidence.Evidence) evidence.Evidence {
	out := *e
	out.Secrets.Different = slices.Clone(e.Secrets.Different)
	out.Files = slices.Clone(e.Files)
	out.Roles = slices.Clone(e.Roles)
	out.Pipelines = slices.Clone(e.Pipelines)
	out.Namespaces = slices.Clone(e.Namespaces)
	out.Services = slices.Clone(e.Services)
	for i := range out.Services {
		out.Services[i].Deployments = slices.Clone(out.Services[i].Deployments)
	}
	out.Smoke = slices.Clone(e.Smoke)
	out.Freeze.Pipelines = slices.Clone(e.Freeze.Pipelines)
	out.Freeze.Reviews = slices.Clone(e.Freeze.Reviews)
	out.Links = slices.Clone(e.Links)
	out.Silences = slices.Clone(e.Silences)
	out.Edge.Proxies = slices.Clone(e.Edge.Proxies)
	out.Edge.Checks = slices.Clone(e.Edge.Checks)
	return out
}
