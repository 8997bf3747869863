// Package iam is the adapter for the roles of AWS IAM.
//
// The promise: Trust adds one statement of our own to a role's trust policy, and every other byte of the document stays as
// it was; Distrust takes out that statement, and only that. Whether a statement is ours is told by its Sid, which is
// "Cutover" and a hash of the principal, and by the statement being exactly what Trust would write. A policy that trusts
// the principal already, by a statement of somebody else, is left alone by both.
//
// The order: read, edit, read again, write, read back. Role tells beforehand whether Trust can succeed.
//
// The hazard: IAM has no compare-and-swap. A change that somebody makes between our last read and our write is lost. The
// window is one round trip; the read back narrows what else can go unnoticed, and says failure.ErrConflict. IAM is also
// eventually consistent: a read back that still gives the old document is failure.ErrTransient.
//
// Rules of policy documents are those of the IAM user guide ("IAM JSON policy elements reference", "Policy evaluation
// logic", "IAM and AWS STS quotas").
package iam
