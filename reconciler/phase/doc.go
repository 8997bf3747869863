// Package phase decides the next step of a migration. It performs nothing.
//
// The runbook is the Table: one row for each of its steps, in order, that says when the step is done and what to
// do next. Next walks the rows up to the phase that the marker names, and the first row that is not done decides.
// Rows are levels, not events: a row of an earlier phase that is no longer done, because somebody changed the
// world or git, is put right before anything later goes on.
//
// Next is total and deterministic: the same migration, evidence and time give the same decision, so it serves
// the daemon, the dry run and the recovery after a crash alike. It is safe to call again at any moment. The hazard
// is stale evidence: gather it anew after the actions of a decision have been obeyed.
package phase
