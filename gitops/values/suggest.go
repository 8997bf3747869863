package values

import (
	"slices"
	"strconv"
)

// longestWord bounds what is quoted and compared in a message, in bytes.
const longestWord = 80

// quote returns s in quotes, cut short if it is too long for a message.
func quote(s string) string {
	if len(s) > longestWord {
		return strconv.Quote(s[:longestWord]) + "..."
	}
	return strconv.Quote(s)
}

// suggest returns "; did you mean X?" for the candidate nearest to s, or "" if none is within two slips of the
// finger.
func suggest(s string, candidates []string) string {
	if len(s) > longestWord {
		return ""
	}
	best, least := "", min(len(s), 3)
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if d := distance(s, c); d < least {
			best, least = c, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance is the Levenshtein distance: how many bytes must be inserted, deleted or replaced.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
