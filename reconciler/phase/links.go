package phase

import (
	"slices"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// WantTarget is which instance of a singleton the new cluster's clients have to talk to. From freeze on it is the old one:
// traffic is going to reach both clusters, and there may be only one instance that gets it (step 11). Going back, it stays
// the old one while the new cluster may have sessions: they began with it, and a Pod that starts meanwhile serves them too.
func WantTarget(at estate.Marker, e *evidence.Evidence, now time.Time) evidence.Target {
	if at.Phase >= estate.Freeze || highest(e.Edge) > 0 || e.Edge.Bake.Weight > 0 || draining(e.Edge, now) {
		return evidence.TargetOld
	}
	return evidence.TargetNew
}

func (s situation) want() evidence.Target { return WantTarget(s.at, s.e, s.now) }

// relink is step 11: the new cluster's clients of a singleton talk to the old cluster's instance. The copy of the Secret
// holds its address since step 2 looked; secret-sync brings it to the cluster, and then the Pods have to read it again.
func relink(s situation) Progress {
	p := Progress{Total: len(s.e.Links)}
	for i, link := range s.e.Links {
		switch {
		case link.New != s.want():
			p.wait(because(SecretSyncLag, "Secret %s of %s does not name the %s %s yet: waiting for secret-sync",
				link.Secret, link.Client, s.want(), link.Singleton), s.now.Add(glance))
		case link.Stale > 0 && isReady(s.e, link.Client):
			if !lags(s, link.Client) && !slices.ContainsFunc(s.e.Links[:i], func(l evidence.Link) bool { return l.Client == link.Client && l.Stale > 0 }) {
				p.Actions = append(p.Actions, restart(s, link))
			}
		case link.Stale > 0, !isReady(s.e, link.Client):
			p.wait(because(ClientRestarting, "%s restarts to talk to the %s %s: %s still talk to the other",
				link.Client, s.want(), link.Singleton, count(link.Stale, "Pod")), s.now.Add(glance))
		default:
			p.Done++
		}
	}
	if len(p.Actions) > 0 {
		p.Waiting = because(LinksPending, "%s to be restarted", count(len(p.Actions), "client"))
	}
	return p
}

// drainMost is how long sessions that the new cluster still has after its weight is 0 are waited for.
const drainMost = 5 * time.Minute

// draining says that the new cluster may have sessions that began before its weight was 0.
func draining(e evidence.Edge, now time.Time) bool {
	return e.Bake.Commit != "" && now.Before(e.Bake.Since.Add(drainMost)) &&
		slices.ContainsFunc(e.Proxies, func(p evidence.Proxy) bool { return p.Unreachable != "" || p.To.Current > 0 })
}

// unlink undoes step 11: the new cluster is whole in itself again. Clients that do not run there yet need nothing, and those
// that are not ready are left to phase deploy, which makes them so. Those that still have sessions keep to the old singleton:
// the sessions began with it.
func unlink(s situation) Progress {
	total := len(s.e.Links)
	if s.want() == evidence.TargetOld {
		var current int64
		for _, p := range reachable(s.e.Edge) {
			current += p.To.Current
		}
		p := Progress{Total: total, Waiting: because(Draining, "the new cluster has %s left, which talk to the old singleton", count(int(current), "session"))}
		if down := s.unreachable(); len(down) > 0 {
			p.Waiting.Text += "; how many more is not known: no answer from " + some(down)
		}
		p.Until = s.now.Add(blink)
		return p
	}
	e := *s.e
	e.Links = slices.DeleteFunc(slices.Clone(e.Links), func(l evidence.Link) bool {
		return l.Pods == 0 || s.at.Phase < estate.Deploy && !isReady(s.e, l.Client)
	})
	s.e = &e
	return relink(s)
}

// lags says that one of the addresses that a client reads is not there yet: it is restarted once for all of them.
func lags(s situation, client estate.ServiceID) bool {
	return slices.ContainsFunc(s.e.Links, func(l evidence.Link) bool { return l.Client == client && l.New != s.want() })
}

// isReady says that the new cluster runs a service and does not roll it out at the moment.
func isReady(e *evidence.Evidence, id estate.ServiceID) bool {
	i := slices.IndexFunc(e.Services, func(s evidence.Service) bool { return s.ID == id })
	return i < 0 || e.Services[i].Ready
}

func restart(s situation, link evidence.Link) Action {
	other := evidence.TargetNew
	if s.want() == evidence.TargetNew {
		other = evidence.TargetOld
	}
	return Action{
		Verb: RestartClient, Target: link.Client.String(), Key: link.Mark, Service: link.Client,
		Reason: because(LinksPending, "%s of it still talk to the %s %s", count(link.Stale, "Pod"), other, link.Singleton).Text,
		Undo:   "let the Secret name the " + string(other) + " " + link.Singleton.String() + ", and restart the client",
	}
}
