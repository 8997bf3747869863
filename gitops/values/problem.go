package values

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Problem is one mistake in one file.
type Problem struct {
	File    string `json:"file"` // path in the repository
	Line    int    `json:"line"` // counted from 1; 1 where the whole file is meant
	Message string `json:"message"`
	// Err is what kept the file from being read, if it was not its content.
	Err error `json:"-"`
}

// String returns the problem as "file:line: message", the form that editors and terminals follow.
func (p Problem) String() string {
	return oneLine(p.File) + ":" + strconv.Itoa(p.Line) + ": " + p.Message
}

// Problems are all mistakes of a revision, sorted by file, line and message.
type Problems []Problem

// Err returns nil if there are no problems, else one error that lists them all, one in each line, and wraps what kept
// files from being read: a file system that fails for a time is no mistake of people.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return problemsError(ps)
}

type problemsError Problems

func (e problemsError) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap serves errors.Is and errors.As.
func (e problemsError) Unwrap() []error {
	var causes []error
	for _, p := range e {
		if p.Err != nil {
			causes = append(causes, p.Err)
		}
	}
	return causes
}

// add takes a format as fmt.Errorf does.
func (ps *Problems) add(file string, line int, format string, args ...any) {
	err := fmt.Errorf(format, args...)
	*ps = append(*ps, Problem{file, line, oneLine(err.Error()), errors.Unwrap(err)})
}

// oneLine replaces what would break a line or a terminal, as names and keys may hold anything.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// sorted puts the problems into their order and drops repetitions.
func (ps Problems) sorted() Problems {
	slices.SortFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(ps, func(a, b Problem) bool { return a.String() == b.String() })
}
