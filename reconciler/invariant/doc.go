// Package invariant says what must never be, and looks for it in the evidence. It performs nothing.
//
// Each line that must not be crossed is a function of its own, from evidence to breaches: Check walks all of them, in the
// order of Names. The caller checks every observation, so that a breach that others cause is seen, and, before each action,
// the evidence as it would be after it; Allows is the rule for when the action may go on. A breach keeps the world as it is:
// nothing is raised and nothing advances while it stands, but what repairs it, or goes back, may be done.
//
// The hazard is what evidence cannot show. That nothing is overwritten without a kept version is a contract of the secret
// store's adapter, and that nothing of others is changed one of every adapter that writes: NotOurs only compares what an
// action would do with what the evidence says is not ours.
package invariant
