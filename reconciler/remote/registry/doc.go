// Package registry is the adapter for OCI registries: it pulls the Helm charts that an estate names as
// oci://HOST/NAME:VERSION, with Helm's own client.
//
// The promise: the files that Chart returns are those that somebody packed, byte for byte: every manifest and every
// archive is checked against its digest, whether it comes over the network or from disk.
//
// The order: a tag is resolved to a digest, which is believed for a while; what belongs to a digest never changes,
// so it is remembered, and kept on disk. A reference that names a digest (NAME:VERSION@sha256:...) needs the
// registry once only, and does not notice when it is away later.
//
// The hazard: a values repository says which host is asked. So a password is shown to the one host that it was
// configured for; every other host gets only what Helm's and docker's own credential files hold for it.
package registry
