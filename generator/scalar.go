package generator

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

const quotes = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle
const blocks = yaml.LiteralStyle | yaml.FoldedStyle

// scalarEnd is the offset after a scalar's last character: its closing quote, or the last character of its text.
func (s *source) scalarEnd(n *yaml.Node) int {
	if n.Value == "" && n.Style&(quotes|blocks) == 0 { // nothing is written, but an anchor may be
		at := s.offset(n)
		if n.Anchor != "" {
			at += len("&" + n.Anchor)
		}
		return at
	}
	at := s.content(n)
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		for at++; at < len(s.text) && s.text[at] != '"'; at++ {
			if s.text[at] == '\\' {
				at++
			}
		}
		return min(at+1, len(s.text))
	case n.Style&yaml.SingleQuotedStyle != 0:
		for at++; at < len(s.text); at++ {
			if s.text[at] != '\'' {
				continue
			}
			if at++; at == len(s.text) || s.text[at] != '\'' {
				break
			}
		}
		return min(at, len(s.text))
	case n.Style&blocks != 0:
		return s.blockEnd(at, s.block[n])
	default:
		return s.plainEnd(at, n.Value)
	}
}

// plainEnd follows a plain scalar through the lines that it is folded over: a run of white space in the text is a
// run of white space in the value.
func (s *source) plainEnd(at int, value string) int {
	for i := 0; i < len(value) && at < len(s.text); {
		if value[i] != ' ' && value[i] != '\n' {
			i++
			at++
			continue
		}
		for i < len(value) && (value[i] == ' ' || value[i] == '\n') {
			i++
		}
		for at < len(s.text) && isSpace(s.text[at]) {
			at++
		}
	}
	return at
}

// blockEnd is the end of the last line of a literal or folded scalar whose indicator is at the offset. Its lines are
// indented by the indicator's number below the parent, or as the first one is.
func (s *source) blockEnd(at, parent int) int {
	end := s.lineEnd(at)
	header, _, _ := strings.Cut(string(s.text[at:end]), "#")
	indent := 0
	if i := strings.IndexAny(header, "123456789"); i >= 0 {
		indent = parent - 1 + int(header[i]-'0')
	}
	end = len(bytes.TrimRight(s.text[:end], " \t"))
	for next := s.lineEnd(at); next < len(s.text); {
		start := next + lineBreak(s.text[next:])
		next = s.lineEnd(start)
		line := s.text[start:next]
		depth := len(line) - len(bytes.TrimLeft(line, " "))
		if depth == len(line) {
			continue
		}
		if indent == 0 {
			indent = max(depth, 1)
		}
		if depth < indent {
			break
		}
		end = next
	}
	return end
}

// rewritten returns the text of the scalar in s.text[start:end], which is old, as the rule changes it to changed.
// Quotes stay as they are where they can, and so does everything that the rule does not touch.
func rewritten(n *yaml.Node, token string, r rule, changed string) string {
	switch {
	case n.Style&quotes != 0 && len(token) < 2: // no token of ours: checked after the edit
	case n.Style&yaml.DoubleQuotedStyle != 0:
		if inner, ok := r.edit(token[1:len(token)-1], func(s string) string { q := doubleQuoted(s); return q[1 : len(q)-1] }); ok {
			return `"` + inner + `"`
		}
	case n.Style&yaml.SingleQuotedStyle != 0 && printable(changed):
		if inner, ok := r.edit(token[1:len(token)-1], func(s string) string { return strings.ReplaceAll(s, "'", "''") }); ok {
			return "'" + inner + "'"
		}
	case n.Style&blocks != 0:
		if text, ok := r.editBlock(token, n.Value, changed); ok {
			return text
		}
	case n.Style&quotes == 0:
		if inner, ok := r.edit(token, func(s string) string { return s }); ok && plain(changed) {
			return inner
		}
		if printable(changed) {
			return "'" + strings.ReplaceAll(changed, "'", "''") + "'"
		}
	}
	return doubleQuoted(changed)
}

// edit applies a rule to the written form of a text, in which escape writes each part.
func (r rule) edit(inner string, escape func(string) string) (string, bool) {
	written := r
	written.Suffix, written.Prefix, written.Value = escape(r.Suffix), escape(r.Prefix), escape(r.Value)
	written.With = escape(r.With)
	return written.apply(inner)
}

// editBlock applies a rule inside a literal or folded scalar of which the value does not end with a line break.
func (r rule) editBlock(token, value, changed string) (string, bool) {
	header := strings.IndexAny(token, "\r\n")
	if header < 0 || !printable(r.With) || strings.HasSuffix(value, "\n") || changed == "" ||
		strings.HasPrefix(changed, " ") && !strings.HasPrefix(value, " ") { // it would be taken for indentation
		return "", false
	}
	body := strings.TrimLeft(token[header:], " \r\n")
	inner, ok := r.edit(body, func(s string) string { return s })
	return token[:len(token)-len(body)] + inner, ok
}

// plain tells whether a text can be written without quotes, in flow style too, and still be the same text.
func plain(text string) bool {
	letters := strings.Map(func(r rune) rune {
		if r > unicode.MaxLatin1 && unicode.IsPrint(r) {
			return 'x' // the library quotes an emoji, YAML does not ask for it
		}
		return r
	}, text)
	out, err := yaml.Marshal(letters)
	return err == nil && string(out) == letters+"\n" && !strings.ContainsAny(text, ",[]{}#")
}

// printable tells whether a text can stand between single quotes on one line.
func printable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' || r == '\u007f' || r == '\u0085' || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r == '\ufffd'
	})
}

// doubleQuoted writes a text as JSON does, which is YAML, too.
func doubleQuoted(text string) string {
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		return `""` // a string always has JSON
	}
	return strings.TrimSuffix(out.String(), "\n")
}
