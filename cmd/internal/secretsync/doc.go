// Package secretsync is the program secret-sync: it makes Kubernetes Secrets of what is below a path in Vault, in the
// cluster where it runs. The secret ROOT/NAMESPACE/NAME becomes the Secret NAME in NAMESPACE, each key one of its data.
//
// The promise: a Secret is what Vault said last. An edit or a deletion by hand is put right at once, a change in Vault
// with the next pass. What Vault cannot be asked about stays as it is: a Secret is never emptied, and is deleted only
// after Vault was read completely and no longer has it, and nothing else went wrong in that pass, and the share of what
// goes is small.
//
// Ours is what carries both of our labels, LabelManagedBy and LabelInstance. A Secret of the same name without them is
// somebody else's: it is reported and not touched. Taking the labels off a Secret takes it away from the program.
//
// Its type comes from its keys when it is made, and stays.
//
// The order of a pass: read Vault, all of it or nothing; write what differs; then delete. Between passes Secrets are
// put right from what the last complete reading said, without Vault.
//
// The hazard: two programs with the same instance name and different roots in one cluster undo each other's work.
package secretsync
