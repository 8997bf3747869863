package iam

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// policy is a trust policy: its text, and where its statements are in it. Edits are made in the text, at a statement's
// bounds, because a document that is decoded and encoded again is another one: order, numbers, escapes and space change.
type policy struct {
	text       string
	statements []statement
	begin, end int  // of the value of Statement
	single     bool // Statement is one object, and not a list
}

// statement is an element of Statement.
type statement struct {
	begin, end int // in the policy's text
	fields     map[string]json.RawMessage
}

// parse reads a trust policy. Its errors are sentences for people.
func parse(text string) (policy, error) {
	p := policy{text: text}
	seen := false
	err := members(text, func(key string, begin, end int) error {
		if key != "Statement" {
			return nil
		}
		if seen {
			return errors.New("it has two members Statement")
		}
		seen, p.begin, p.end = true, begin, end
		return p.readStatements()
	})
	if err != nil {
		return policy{}, err
	}
	if !seen {
		return policy{}, errors.New("it has no Statement")
	}
	return p, nil
}

// readStatements finds the statements in the value of Statement.
func (p *policy) readStatements() error {
	value := p.text[p.begin:p.end]
	if p.single = value[0] == '{'; p.single {
		return p.readStatement(p.begin, p.end)
	}
	if value[0] != '[' {
		return errors.New("its Statement is neither a statement nor a list of them")
	}
	d := json.NewDecoder(strings.NewReader(value))
	_, _ = d.Token() // the bracket
	for d.More() {
		begin, end, err := next(d)
		if err != nil {
			return err
		}
		if err := p.readStatement(p.begin+begin, p.begin+end); err != nil {
			return err
		}
	}
	return nil
}

func (p *policy) readStatement(begin, end int) error {
	s := statement{begin: begin, end: end, fields: map[string]json.RawMessage{}}
	err := members(p.text[begin:end], func(key string, from, to int) error {
		if _, twice := s.fields[key]; twice {
			return fmt.Errorf("a statement has two members %s", key)
		}
		s.fields[key] = json.RawMessage(p.text[begin+from : begin+to])
		return nil
	})
	p.statements = append(p.statements, s)
	return err
}

// members calls visit for every member of the JSON object that text is, with the bounds of its value.
func members(text string, visit func(key string, begin, end int) error) error {
	d := json.NewDecoder(strings.NewReader(text))
	open, err := d.Token()
	if err != nil {
		return err
	}
	if open != json.Delim('{') {
		return errors.New("it is not an object")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		begin, end, err := next(d)
		if err != nil {
			return err
		}
		if err := visit(key.(string), begin, end); err != nil { // a key is a string, or Token would have failed
			return err
		}
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows its end")
	}
	return nil
}

// next reads a value and tells where in the decoder's input it is.
func next(d *json.Decoder) (begin, end int, err error) {
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return 0, 0, err
	}
	end = int(d.InputOffset())
	return end - len(raw), end, nil
}

// Sids are alphanumeric. The second form says that the policy's Statement was one object, not a list, before ours came.
const (
	sidInList  = "Cutover"
	sidOfAlone = "CutoverAlone"
)

// sids gives both forms of the Sid of our statement for a principal.
func sids(principal string) (inList, ofAlone string) {
	hash := sha256.Sum256([]byte(principal))
	digest := hex.EncodeToString(hash[:8])
	return sidInList + digest, sidOfAlone + digest
}

// ours is the statement that trusts the principal.
func ours(sid, principal string) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(struct { // strings into memory
		Sid       string
		Effect    string
		Principal map[string]string
		Action    string
	}{sid, "Allow", map[string]string{"AWS": principal}, "sts:AssumeRole"})
	return strings.TrimSpace(text.String())
}

// find returns the index of our statement for the principal, or -1. It fails if a statement has our Sid and is not what we
// would write.
func (p policy) find(principal string) (int, error) {
	inList, ofAlone := sids(principal)
	found := -1
	for i, s := range p.statements {
		sid := s.text("Sid")
		if sid != inList && sid != ofAlone {
			continue
		}
		var kinds map[string]json.RawMessage // AWS, Service and so on
		if len(s.fields) != 4 || s.text("Effect") != "Allow" || !isOnly(s.list("Action"), "sts:AssumeRole") ||
			!isOnly(s.principals(), principal) || json.Unmarshal(s.fields["Principal"], &kinds) != nil || len(kinds) != 1 {
			return -1, fmt.Errorf("statement %s is ours by its name, and somebody changed it", sid)
		}
		if found >= 0 {
			return -1, fmt.Errorf("statement %s is there twice", sid)
		}
		found = i
	}
	return found, nil
}

// with returns the text with our statement for the principal; as it is, if the principal is trusted already.
func (p policy) with(principal string) (string, error) {
	if p.trusts(principal) {
		return p.text, nil
	}
	if _, err := p.find(principal); err != nil {
		return "", err // a Sid is unique in a policy
	}
	inList, ofAlone := sids(principal)
	switch {
	case p.single:
		return p.text[:p.begin] + "[" + p.text[p.begin:p.end] + "," + ours(ofAlone, principal) + "]" + p.text[p.end:], nil
	case len(p.statements) == 0:
		return p.text[:p.begin+1] + ours(inList, principal) + p.text[p.begin+1:], nil
	default:
		at := p.statements[len(p.statements)-1].end
		return p.text[:at] + "," + ours(inList, principal) + p.text[at:], nil
	}
}

// without returns the text without our statement for the principal; as it is, if it has none.
func (p policy) without(principal string) (string, error) {
	i, err := p.find(principal)
	if err != nil || i < 0 {
		return p.text, err
	}
	_, ofAlone := sids(principal)
	s := p.statements[i]
	switch {
	case p.single:
		return "", errors.New("our statement is the only one, and a trust policy needs one")
	case len(p.statements) == 2 && s.text("Sid") == ofAlone:
		rest := p.statements[1-i]
		return p.text[:p.begin] + p.text[rest.begin:rest.end] + p.text[p.end:], nil
	case i > 0: // with the comma before it
		return p.text[:p.statements[i-1].end] + p.text[s.end:], nil
	case len(p.statements) > 1: // with the comma after it
		return p.text[:s.begin] + p.text[p.statements[1].begin:], nil
	default:
		return p.text[:s.begin] + p.text[s.end:], nil
	}
}
