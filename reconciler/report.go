package reconciler

import (
	"maps"
	"slices"
	"sync"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/drift"
	"cutover/reconciler/evidence"
	"cutover/reconciler/invariant"
	"cutover/reconciler/phase"
)

// Report is how one migration stands, for people and programs.
type Report struct {
	Branch    string               `json:"branch"`
	Commit    string               `json:"commit"`
	Migration estate.MigrationName `json:"migration,omitzero"`
	Marker    estate.Marker        `json:"marker,omitzero"`
	Decision  phase.Decision       `json:"decision,omitzero"`
	Steps     []phase.StepProgress `json:"steps,omitempty"`
	Services  []ServiceReport      `json:"services,omitempty"`
	Edge      []ProxyReport        `json:"edge,omitempty"`
	// Checks are those of the weight that bakes, or of the one that has passed.
	Checks []CheckReport `json:"checks,omitempty"`
	// Breaches are the invariants that are broken now: nothing goes forward before they hold again.
	Breaches []BreachReport `json:"breaches,omitempty"`
	// Resync is what is to be brought over from the old side. While the daemon runs it is known from the freeze on, and
	// before since the freeze has been proposed; PlanResync asks for it.
	Resync *phase.Resync `json:"resync,omitempty"`
	// Drift compares the objects of the services that are deployed with git, as the pass found them.
	Drift drift.Report `json:"drift"`
	// Repaired is the drift that was put right since the start, newest first, as far as it is remembered.
	Repaired []Repair `json:"repaired,omitempty"`
	// Error is why the pass ended early; "" if it did not.
	Error string `json:"error,omitempty"`
	// Again is when to look again at the latest; zero leaves it to what is watched.
	Again time.Time `json:"again,omitzero"`
	Pass  Pass      `json:"pass"`
	// Total is what was done since the start, for all migrations together.
	Total Counts `json:"total"`
}

// BreachReport is an invariant that is broken.
type BreachReport struct {
	invariant.Breach
	// Since is when the daemon saw it first; zero in a look by itself if the daemon has not noted it.
	Since time.Time `json:"since,omitzero"`
}

// ProxyReport is the weight of the new cluster at one edge proxy.
type ProxyReport struct {
	Proxy  string `json:"proxy"`
	Weight int    `json:"weight"` // percent, 0 to 100
	// Unreachable says why the proxy did not answer; "" if it did.
	Unreachable string `json:"unreachable,omitempty"`
}

func edgeReport(e *evidence.Evidence) []ProxyReport {
	var out []ProxyReport
	for _, p := range e.Edge.Proxies {
		out = append(out, ProxyReport{p.Name, p.To.Weight, p.Unreachable})
	}
	return out
}

// CheckReport is what one analysis of the weight says.
type CheckReport struct {
	Name    string           `json:"name"`
	Verdict evidence.Verdict `json:"verdict"`
	Reason  string           `json:"reason"` // what was measured, and against what
}

func checksReport(e *evidence.Evidence) []CheckReport {
	var out []CheckReport
	for _, c := range e.Edge.Checks {
		out = append(out, CheckReport(c))
	}
	return out
}

// watchFor is how often to look at what cannot be watched while the marker stands at at: a proxy that reloads has to get
// its weight back within seconds, and a pipeline that somebody thaws should not wait for the next full pass.
func watchFor(at estate.Marker) time.Duration {
	switch {
	case at.Phase >= estate.Canary:
		return 2 * time.Second
	case at.Phase >= estate.Freeze:
		return runningFor
	}
	return 0
}

// waitFor is how often to look at what is waited for: not every system tells when a person has put something right.
const waitFor = time.Minute

// Repair is drift that was put right.
type Repair struct {
	At    time.Time    `json:"at"`
	Drift drift.Report `json:"drift"`
}

// ServiceReport is how one service of the new stack stands.
type ServiceReport struct {
	Service estate.ServiceID `json:"service"`
	Class   estate.Class     `json:"class"`
	Version estate.Version   `json:"version,omitzero"` // the pinned one
	// Running is the version that the old cluster runs, if it could be read. While it is another one, Since says since when
	// that is known.
	Running   estate.Version `json:"running,omitzero"`
	Since     time.Time      `json:"since,omitzero"`
	Execution string         `json:"execution,omitempty"` // id of the last deployment's execution
	Status    string         `json:"status,omitempty"`    // of that execution, or what the service waits for
	Ready     bool           `json:"ready"`
}

func (r *Reconciler) reportOn(branch string, o outlook, k *knowledge) Report {
	d, e, decision := o.desired, &o.evidence, o.decision
	report := Report{Branch: branch, Decision: decision, Again: decision.Until, Breaches: breachesOf(o, k)}
	now := r.Now()
	report.Commit, report.Migration, report.Marker = o.head, d.migration.Name, k.course.at
	if k.course.refused.Code == "" {
		report.Steps = phase.Overview(&d.migration, k.course.at, e, now)
	}
	report.Edge, report.Checks = edgeReport(e), checksReport(e)
	report.Resync = k.resync
	if k.course.reached >= estate.Freeze {
		list := phase.ResyncOf(&d.migration, e, now)
		report.Resync = &list
	}
	if watch := watchFor(k.course.at); watch > 0 {
		report.Again = phase.Earlier(report.Again, now.Add(watch))
	}
	if decision.Kind == phase.Hold || decision.Kind == phase.Refuse {
		report.Again = phase.Earlier(report.Again, now.Add(waitFor))
	}
	for _, a := range k.arrivals {
		if a.again.After(now) {
			report.Again = phase.Earlier(report.Again, a.again)
		}
	}
	for _, s := range e.Services {
		report.Services = append(report.Services, serviceReport(s))
		if len(s.Deployments) > 0 && !s.Deployments[0].Status.Complete() {
			// Spinnaker cannot be watched, so a running execution is asked for.
			report.Again = phase.Earlier(report.Again, now.Add(r.Poll))
		}
	}
	for _, refused := range k.refused {
		if refused.until.After(now) {
			report.Again = phase.Earlier(report.Again, refused.until)
		}
	}
	report.Drift, report.Repaired = driftOf(d, k), slices.Clone(k.repaired)
	return report
}

func serviceReport(s evidence.Service) ServiceReport {
	out := ServiceReport{Service: s.ID, Class: s.Class, Version: s.Pinned, Running: s.Running, Since: s.Since, Ready: s.Ready, Status: s.Status}
	if len(s.Deployments) > 0 {
		last := s.Deployments[0]
		out.Execution = last.ID
		if out.Status == "" || !last.Status.Complete() {
			out.Status = string(last.Status)
		}
	}
	if s.Blocked != "" {
		out.Status = s.Blocked
	}
	return out
}

// reports keeps the newest report of each migration for readers in other goroutines.
type reports struct {
	mu   sync.Mutex
	list []Report
}

func (r *Reconciler) publish(report Report) {
	r.reports.mu.Lock()
	defer r.reports.mu.Unlock()
	at := slices.IndexFunc(r.reports.list, func(old Report) bool { return old.Branch == report.Branch })
	if at < 0 {
		r.reports.list = append(r.reports.list, report)
		return
	}
	r.reports.list[at] = report
}

// Looked tells whether a pass over everything has ended well since the start.
func (r *Reconciler) Looked() bool { return r.looked.Load() }

// retire drops the reports of branches that are gone.
func (r *Reconciler) retire(heads estate.Heads) {
	r.reports.mu.Lock()
	defer r.reports.mu.Unlock()
	gone := func(branch string) bool { _, ok := heads[branch]; return !ok }
	r.reports.list = slices.DeleteFunc(r.reports.list, func(old Report) bool { return gone(old.Branch) })
	maps.DeleteFunc(r.known, func(branch string, _ *knowledge) bool { return gone(branch) })
}

// Reports are the newest reports of all migrations, sorted by branch as they were first seen.
func (r *Reconciler) Reports() []Report {
	r.reports.mu.Lock()
	defer r.reports.mu.Unlock()
	return slices.Clone(r.reports.list)
}
