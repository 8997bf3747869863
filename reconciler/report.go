package reconciler

import (
	"maps"
	"slices"
	"sync"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/drift"
	"cutover/reconciler/evidence"
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

// Repair is drift that was put right.
type Repair struct {
	At    time.Time    `json:"at"`
	Drift drift.Report `json:"drift"`
}

// ServiceReport is how one service of the new stack stands.
type ServiceReport struct {
	Service   estate.ServiceID `json:"service"`
	Class     estate.Class     `json:"class"`
	Version   estate.Version   `json:"version,omitzero"`
	Execution string           `json:"execution,omitempty"` // id of the last deployment's execution
	Status    string           `json:"status,omitempty"`    // of that execution, or what the service waits for
	Ready     bool             `json:"ready"`
}

func (r *Reconciler) reportOn(branch string, d *desired, e *evidence.Evidence, decision phase.Decision, k *knowledge) Report {
	report := Report{Branch: branch, Decision: decision, Again: decision.Until}
	now := r.Now()
	report.Commit, report.Migration, report.Marker = d.head, d.migration.Name, d.migration.Marker
	if decision.Kind != phase.Refuse {
		report.Steps = phase.Overview(&d.migration, e, now)
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
	out := ServiceReport{Service: s.ID, Class: s.Class, Version: s.Pinned, Ready: s.Ready, Status: s.Status}
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
