package spel

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind int

const (
	end kind = iota
	name
	number
	text
	operator
)

type token struct {
	kind kind
	text string // for text, without its quotes
	at   int
}

// operators, longest first, so that the first match is the right one.
var operators = []string{"?.", "?:", "==", "!=", "<=", ">=", "&&", "||", "?", ":", "<", ">", "!", "+", "-", ".", ",", "[", "]", "(", ")", "#"}

// words are operators that are spelled as names, whatever the case of their letters.
var words = map[string]string{
	"and": "&&", "or": "||", "not": "!",
	"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
}

func tokens(source string) ([]token, error) {
	var out []token
	for at := 0; at < len(source); {
		r, size := utf8.DecodeRuneInString(source[at:])
		if unicode.IsSpace(r) {
			at += size
			continue
		}
		t, length, err := next(source[at:])
		if err != nil {
			return nil, fmt.Errorf("at %d: %w", at, err)
		}
		t.at = at
		at += length
		out = append(out, t)
	}
	return append(out, token{kind: end, at: len(source)}), nil
}

// next reads the token that s starts with, and tells how long it is.
func next(s string) (token, int, error) {
	r, _ := utf8.DecodeRuneInString(s)
	switch {
	case r == '\'' || r == '"':
		return quoted(s, byte(r))
	case r >= '0' && r <= '9':
		n := prefix(s, unicode.IsDigit)
		if rest := s[n:]; len(rest) > 1 && rest[0] == '.' && rest[1] >= '0' && rest[1] <= '9' {
			n += 1 + prefix(rest[1:], unicode.IsDigit)
		}
		if r, _ := utf8.DecodeRuneInString(s[n:]); isNamePart(r) {
			return token{}, 0, fmt.Errorf("unexpected %q after a number", r)
		}
		return token{kind: number, text: s[:n]}, n, nil
	case isNamePart(r):
		n := prefix(s, isNamePart)
		if op, ok := words[strings.ToLower(s[:n])]; ok {
			return token{kind: operator, text: op}, n, nil
		}
		return token{kind: name, text: s[:n]}, n, nil
	}
	for _, op := range operators {
		if strings.HasPrefix(s, op) {
			return token{kind: operator, text: op}, len(op), nil
		}
	}
	return token{}, 0, fmt.Errorf("unexpected %q", r)
}

// quoted reads a string literal. Its quote is written twice inside it.
func quoted(s string, quote byte) (token, int, error) {
	var out strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != quote {
			out.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == quote {
			out.WriteByte(quote)
			i++
			continue
		}
		return token{kind: text, text: out.String()}, i + 1, nil
	}
	return token{}, 0, fmt.Errorf("a string without its closing %c", quote)
}

func isNamePart(r rune) bool {
	return r == '_' || r == '$' || (r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)))
}

// prefix is the length in bytes of what s starts with.
func prefix(s string, in func(rune) bool) int {
	if n := strings.IndexFunc(s, func(r rune) bool { return !in(r) }); n >= 0 {
		return n
	}
	return len(s)
}
