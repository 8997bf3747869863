// Package phase decides the next step of a migration. It performs nothing.
//
// The promise: the runbook is the Table, one row for each of its steps, in order, that says when the step is done, what to
// do next, and what to do while the marker stands before it. Next is total and deterministic: the same migration, marker,
// evidence and time give the same decision, so it serves the daemon, the plan on a pull request (Plan, which runs Next on
// what After imagines) and the recovery after a crash alike. It is safe to call again at any moment.
//
// The order of a decision:
//
//  1. A marker that does not count is refused (Refusal); what the one that counted last has reached is kept up (Refused).
//  2. What was reached is kept up before anything else: a weight that fails its checks goes back, a weight that the marker
//     no longer asks for is lowered, one that a proxy has lost is set again, then the freeze, with what break-glass opens,
//     and the silence. This holds while the migration is paused, too; and then nothing else happens. Keep is the edge's
//     part of it alone.
//  3. While a system could not be looked at (Unseen) nothing else happens either: no row may take what was not seen for
//     what is not there. Only what is seen is kept up then: a silence is extended, and none is made. And a freeze that is
//     over is taken back, if the edge and all of the freeze were seen.
//  4. The rows of later phases are undone, the last one first.
//  5. The rows up to the marker's phase are walked, and the first one that is not done decides. Rows are levels, not events:
//     what somebody changed in the world or in git is put right before anything later goes on.
//
// A weight is noted before it is set, and again when every proxy has it: only then it bakes. So a crash between two effects
// leaves the edge as it was, or lets it go on; a raise is always decided with every row before it done, never remembered.
// A weight that has passed goes on being judged as long as it has traffic; if it fails then, the step before it is what is
// good. What has failed is tried again by a marker with a higher attempt, never by itself.
//
// The hazard is stale evidence: gather it anew after the actions of a decision have been obeyed. Bakes are the only thing
// that is remembered instead of observed: whoever performs BeginBake, PassBake and FailBake stores what Noted gives.
package phase
