package estate

import (
	"slices"
	"strings"
	"time"
)

// Heads are the branches of the values repository and the commits that they point at: full hashes, in hex.
type Heads map[string]string

// Commit is one commit of the values repository.
type Commit struct {
	Hash    string
	Parents []string // first parent first
	Message string   // with its trailers
	Author  string
	When    time.Time
}

// Change is a commit to be made and pushed.
type Change struct {
	Branch string
	// Parent is the commit on which the change was decided. It is pushed only if the branch still points there.
	Parent  string
	Write   []File
	Remove  []string // paths
	Message string   // with its trailers
}

// Divergence is what two branches did since they parted.
type Divergence struct {
	Base string // the commit where they parted
	// Behind counts the commits on their first-parent line since then; 0 if ours has all of theirs.
	Behind int
	// Take are the paths that only theirs changed, Conflicts those that both changed in different ways; sorted.
	Take, Conflicts []string
}

// Touches tells whether a change of the given paths reaches one of the sources. A source that ends in "/" stands for
// everything below it.
func Touches(sources, changed []string) bool {
	return slices.ContainsFunc(changed, func(path string) bool {
		return slices.ContainsFunc(sources, func(source string) bool {
			return path == source || strings.HasSuffix(source, "/") && strings.HasPrefix(path, source)
		})
	})
}
