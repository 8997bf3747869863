package drift

import (
	"math"
	"regexp"
	"strings"
)

// A text that a program reads may be in any format, so what is masked in it is what stands where a credential would:
// rather too much than too little. It keeps its lines, so that a diff of it can still be read.

var (
	privateKey = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\z)`)
	// userInURL matches a URL up to its host: the group is a user with a password, which may hold anything, or
	// something without, such as a token.
	userInURL = regexp.MustCompile(`://([^\s"'/@]*:[^\s"']*|[^\s"'/@]+)@`)
	// userInDSN matches user:password@host. An image with a tag and a digest looks like it, so it is matched first,
	// without the group.
	userInDSN = regexp.MustCompile(`(?m)(?:^|[\s"'=,;({\[])(?:[\w./:-]+@sha256:[0-9a-f]{64}|([^\s"'/@:]+:[^\s"']+)@)`)
	// credentialKey matches all that stands before a credential in its line.
	credentialKey = regexp.MustCompile(`(?i)` +
		`(?:` + credentialNames + `)[\w.-]*\\*["'\]]*\s*[:=>,]+\s*` + // password = x, "password": x, <password>x
		`|(?:passw|passphrase|secret|token|credential|-[\w-]*pass)[\w-]*["']?[ \t]+` + // --password x, requirepassword x
		`|\b(?:requirepass|masterauth|bearer|basic)[ \t]+`)
	// quotedValue matches a JSON string after which something else begins, or nothing: it ends where it seems to.
	quotedValue = regexp.MustCompile(`^"((?:[^"\\]|\\.)*)"[\s\]}]*(?:,[\s\[{]*"[^"]*"\s*:.*|,?)$`)
	// namesCredential and valueKey match the lines of a name, such as DB_PASSWORD, and of its value.
	namesCredential = regexp.MustCompile(`(?i)(?:` + credentialNames + `)[\w.-]*["']?,?\s*$`)
	valueKey        = regexp.MustCompile(`(?i)^["']?value["']?\s*[:=]\s*`)
)

// text masks the credentials inside a text.
func (m *masker) text(s string) string {
	s = privateKey.ReplaceAllStringFunc(s, m.mask)
	s = m.group(userInURL, s)
	s = m.group(userInDSN, s)
	return m.lines(s)
}

// group masks what the first group of a pattern matches.
func (m *masker) group(pattern *regexp.Regexp, s string) string {
	var out strings.Builder
	end := 0
	for _, at := range pattern.FindAllStringSubmatchIndex(s, -1) {
		if at[2] < 0 {
			continue
		}
		out.WriteString(s[end:at[2]] + m.mask(s[at[2]:at[3]]))
		end = at[3]
	}
	return out.String() + s[end:]
}

// lines masks what stands behind a credential's name, and the lines below that go on with it: those that are
// indented further, as in YAML, and one after a backslash.
func (m *masker) lines(s string) string {
	var out strings.Builder
	column, continued, above := math.MaxInt, false, ""
	for line := range strings.Lines(s) {
		text := strings.TrimRight(line, "\r\n")
		ending := line[len(text):]
		content := strings.TrimLeft(text, " \t-")
		indent := len(text) - len(content)
		switch {
		case content == "":
			out.WriteString(line)
			continue
		case indent > column || continued:
			text = text[:indent] + m.mask(content)
			continued = strings.HasSuffix(content, `\`)
		default:
			key, open := valueKey.FindString(content), false
			if key != "" && namesCredential.MatchString(above) {
				text, open = text[:indent]+key+m.mask(content[len(key):]), true
			} else {
				text, open = m.line(text)
			}
			column, continued = math.MaxInt, open && strings.HasSuffix(content, `\`)
			if open {
				column = indent
			}
		}
		out.WriteString(text + ending)
		above = content
	}
	return out.String()
}

// line masks the credentials of a line, and tells whether the last one goes to its end, so that more may follow.
func (m *masker) line(s string) (masked string, open bool) {
	var out strings.Builder
	for {
		key := credentialKey.FindStringIndex(s)
		if key == nil {
			return out.String() + s, false
		}
		out.WriteString(s[:key[1]])
		s = s[key[1]:]
		value := quotedValue.FindStringSubmatchIndex(s)
		if value == nil {
			return out.String() + m.mask(s), true
		}
		out.WriteString(`"` + m.mask(s[value[2]:value[3]]))
		s = s[value[3]:]
	}
}
