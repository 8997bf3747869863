// Package docs holds the pages of docs/ to the program. It has tests only: the table of the configuration's keys is
// rendered from the types of package app and their comments, every reason to wait and every invariant has its paragraph in
// docs/recovery.md, every command line is one that the program takes, and every link leads somewhere.
//
// `go test ./cmd/internal/docs -update` writes the table anew; the rest is written by hand.
package docs
