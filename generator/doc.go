// Package generator makes, of an estate, what people would otherwise write by hand: the new stack of a migration
// (Expand, steps 3 and 5 of the runbook), the pipelines of a stack (Pipelines, step 5), and the list of what must
// be created, changed or deleted so that Spinnaker has exactly those (Plan).
//
// It is pure: the same estate gives the same bytes, and nothing is read or written. The caller commits the Files of
// Expand and obeys the Changes of Plan, in their order.
package generator
