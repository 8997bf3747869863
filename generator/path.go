package generator

import (
	"fmt"
	"strconv"
	"strings"
)

// segment is one step of a rewrite rule's path. A negative index means a key.
type segment struct {
	key   string
	index int
	every bool // every key, or every element
}

const isKey = -1

func (s segment) matchesKey(key string) bool { return s.index == isKey && (s.every || s.key == key) }
func (s segment) matchesIndex(i int) bool    { return s.index != isKey && (s.every || s.index == i) }

// parsePath reads the path of a rewrite rule: keys with dots between them, quoted where a key holds a dot, `*` for
// every key, [*] for every element of a list and [0] for one.
func parsePath(path string) ([]segment, error) {
	var segments []segment
	rest := path
	for first := true; rest != ""; first = false {
		if rest[0] == '[' {
			inner, after, closed := strings.Cut(rest[1:], "]")
			i, err := strconv.Atoi(inner)
			switch {
			case closed && inner == "*":
				segments = append(segments, segment{every: true})
			case closed && err == nil && i >= 0:
				segments = append(segments, segment{index: i})
			default:
				return nil, fmt.Errorf("path %q: write [*] for every element of a list, or [0] for the first", path)
			}
			rest = after
			continue
		}
		if !first {
			var dot bool
			if rest, dot = strings.CutPrefix(rest, "."); !dot {
				return nil, fmt.Errorf("path %q: a dot is missing before %q", path, rest)
			}
		}
		var s segment
		var err error
		if s, rest, err = parseKey(rest); err != nil {
			return nil, fmt.Errorf("path %q: %w", path, err)
		}
		segments = append(segments, s)
	}
	if len(segments) == 0 {
		return nil, fmt.Errorf("path is empty")
	}
	return segments, nil
}

// parseKey reads a key from the start of text and returns what follows it.
func parseKey(text string) (segment, string, error) {
	if strings.HasPrefix(text, `"`) {
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			return segment{}, "", fmt.Errorf("the quote before %q is not closed", text[1:])
		}
		key, err := strconv.Unquote(quoted)
		return segment{key: key, index: isKey}, text[len(quoted):], err
	}
	end := strings.IndexAny(text, `.[]"`)
	if end < 0 {
		end = len(text)
	}
	key, rest := text[:end], text[end:]
	if key == "" {
		return segment{}, "", fmt.Errorf("a key is missing before %q", rest)
	}
	return segment{key: key, index: isKey, every: key == "*"}, rest, nil
}
