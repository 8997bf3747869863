package evidence

// Secrets compares the copy of the product's secrets with the original (steps 2, 9 and 11). It names paths and keys, and
// never holds a value.
type Secrets struct {
	// Denied says which of the policies or roles that the copy needs is missing; "" if none is.
	Denied string
	// SyncUnchecked says that the configuration names no role by which it could be checked that secret-sync may read the
	// copy.
	SyncUnchecked bool
	// Paths and Keys count the secrets of the original and their keys.
	Paths, Keys int
	// Different are the keys in which the copy is not as it should be, sorted by path and key.
	Different []SecretDifference
}

// SecretDifference is one key in which the copy differs.
type SecretDifference struct {
	Path string // relative to the two roots, such as core/api-match
	// Key is a key of the secret; "" stands for the secret as a whole, as when only its metadata differ.
	Key  string
	Kind SecretKind
}

// SecretKind says how a key of the copy differs.
type SecretKind string

// How a key of the copy can differ.
const (
	SecretMissing SecretKind = "missing" // the copy lacks it
	SecretDiffers SecretKind = "differs" // the copy has another value
	SecretExtra   SecretKind = "extra"   // only the copy has it: it is reported, and never deleted
	// SecretStale: the address key of a singleton's client does not hold the address that the marker's phase
	// asks for.
	SecretStale SecretKind = "stale"
)

// SecretTree is two roots in Vault, original and copy, and the keys of the copy that are to differ.
type SecretTree struct {
	From, To string // such as k8s-secret/orbit-prod
	// Set are the keys of the copy that hold a value of git's instead of the original's.
	Set []SecretValue
	// Overwrite lets a copy replace what differs. Without it, it adds what the copy lacks, and replaces what Set names.
	Overwrite bool
}

// SecretValue is a key that holds a value which git names, and which is therefore no secret: an address.
type SecretValue struct {
	Path, Key string
	Value     string
}
