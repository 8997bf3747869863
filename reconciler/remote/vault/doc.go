// Package vault is the adapter to HashiCorp Vault's key-value secrets engine, versions 1 and 2.
//
// The promise: an answer is complete or it is an error. A folder that cannot be listed, a secret that cannot be read
// or is gone since it was listed, a name that cannot be asked for, or an answer that is not Vault's own fails the whole
// call, so that nobody takes a part of the secrets for all of them. Values are compared by a keyed hash whose key dies with the process, and are held no longer than it takes to
// hash or to copy them; no error, log line or result quotes one.
//
// The order: Compare, then Copy of the paths in which it found differences. Copy reads each secret again and writes
// with check-and-set on the version that it read, so a copy that somebody changes meanwhile is failure.ErrConflict.
//
// What a copy held is kept. In version 2 it stays as an older version; a copy that keeps only one is not overwritten.
// Version 1 has no versions: before a value in a copy is replaced, the whole secret is written to
// <copy's root>.cutover-kept/<path>/<time>, beside the copy and outside of it. Version 1 has no check-and-set either, so
// there an edit of the copy in the very moment between reading and writing is lost.
//
// The hazard: after failure.ErrTransient a write may have had its effect. Compare again; Copy may be repeated as it is.
// Version 2 reads JSON numbers as floating point. 1.0 from version 1 becomes 1, which counts as equal; one of too many
// digits would become another number, and a secret that has one is not copied: it is failure.ErrRefused, with its key. Texts
// are exact everywhere.
//
// Logging in is put off until the first call. Tokens are renewed in the background; one that can no longer be renewed
// is replaced by logging in again, if the configured method can.
package vault
