package iam

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	oldNodes = "arn:aws:iam::123456789012:role/nodes.orbit-prod"
	newNodes = "arn:aws:iam::123456789012:role/nodes.orbit-prod2"
)

const added = `{"Sid":"Cutoverb93bc0a303d13051","Effect":"Allow","Principal":{"AWS":"` + newNodes + `"},"Action":"sts:AssumeRole"}`

var addedAlone = strings.Replace(added, "Cutover", "CutoverAlone", 1)

// allow is a statement of somebody else that trusts a principal, given as JSON.
func allow(principal string) string {
	return `{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}`
}

func TestWith(t *testing.T) {
	theirs := allow(`{"AWS":"` + oldNodes + `"}`)
	odd := `{ "Version" :"2012-10-17", "X": 1.50e3,
  "Statement":[ {"Condition":{"NumericLessThan":{"aws:MultiFactorAuthAge":1.0}},"Action":["sts:AssumeRole"],"Effect":"Allow", "Principal":{"Service":"ec2.amazonaws.com"}}
  , ` + theirs + `
  ] , "Id":"\u00e4" }`
	for name, test := range map[string]struct{ text, want string }{
		"after the last statement": {
			`{"Version":"2012-10-17","Statement":[` + theirs + `]}`,
			`{"Version":"2012-10-17","Statement":[` + theirs + `,` + added + `]}`,
		},
		"after the one statement, which becomes a list": {
			`{"Statement": ` + theirs + ` ,"Version":"2012-10-17"}`,
			`{"Statement": [` + theirs + `,` + addedAlone + `] ,"Version":"2012-10-17"}`,
		},
		"in an empty list": {
			`{"Statement":[ ]}`,
			`{"Statement":[` + added + ` ]}`,
		},
		"order, numbers, escapes and space stay": {
			odd,
			strings.Replace(odd, theirs, theirs+","+added, 1),
		},
		"a condition is no trust": {
			`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"` + newNodes + `"},"Action":"sts:AssumeRole","Condition":{"Bool":{"a":"true"}}}]}`,
			`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"` + newNodes + `"},"Action":"sts:AssumeRole","Condition":{"Bool":{"a":"true"}}},` + added + `]}`,
		},
		"the account is no trust": {
			`{"Statement":[` + allow(`{"AWS":"arn:aws:iam::123456789012:root"}`) + `]}`,
			`{"Statement":[` + allow(`{"AWS":"arn:aws:iam::123456789012:root"}`) + `,` + added + `]}`,
		},
		"another action is no trust": {
			`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"` + newNodes + `"},"Action":"sts:TagSession"}]}`,
			`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"` + newNodes + `"},"Action":"sts:TagSession"},` + added + `]}`,
		},
		"a service of that name is no trust": {
			`{"Statement":[` + allow(`{"Service":"`+newNodes+`"}`) + `]}`,
			`{"Statement":[` + allow(`{"Service":"`+newNodes+`"}`) + `,` + added + `]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := parsed(t, test.text)
			got, err := p.with(newNodes)
			if err != nil || got != test.want {
				t.Fatalf("with = %s, %v, want\n%s", got, err, test.want)
			}
			q := parsed(t, got)
			if !q.trusts(newNodes) {
				t.Error("it does not trust the principal now")
			}
			if again, err := q.with(newNodes); err != nil || again != got {
				t.Errorf("the second time gives %s, %v", again, err)
			}
			if undone, err := q.without(newNodes); err != nil || undone != test.text {
				t.Errorf("without = %s, %v, want\n%s", undone, err, test.text)
			}
		})
	}
}

func TestTrustedByOthers(t *testing.T) {
	for name, text := range map[string]string{
		"as a string":         `{"Statement":[` + allow(`{"AWS":"`+newNodes+`"}`) + `]}`,
		"in a list":           `{"Statement":[` + allow(`{"AWS":["`+oldNodes+`","`+newNodes+`"]}`) + `]}`,
		"by the one":          `{"Statement":` + allow(`{"AWS":"`+newNodes+`"}`) + `}`,
		"by a list of action": `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"` + newNodes + `"},"Action":["sts:TagSession","STS:assumerole"]}]}`,
		"by every action":     `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"` + newNodes + `"},"Action":"sts:*"}]}`,
		"by a pattern":        `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"` + newNodes + `"},"Action":"sts:Assume?ole"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			p := parsed(t, text)
			if !p.trusts(newNodes) {
				t.Fatal("it does not trust")
			}
			for _, change := range []func(policy, string) (string, error){policy.with, policy.without} {
				if got, err := change(p, newNodes); err != nil || got != text {
					t.Errorf("got %s, %v, want it as it was", got, err)
				}
			}
		})
	}
}

func TestWithout(t *testing.T) {
	a, b := allow(`{"AWS":"`+oldNodes+`"}`), allow(`{"Service":"ec2.amazonaws.com"}`)
	reordered := `{ "Action": ["sts:AssumeRole"], "Principal": {"AWS": ["` + newNodes + `"]}, "Sid": "Cutoverb93bc0a303d13051", "Effect": "Allow" }`
	for name, test := range map[string]struct{ text, want string }{
		"the first":                       {`{"Statement":[` + added + ` , ` + a + `]}`, `{"Statement":[` + a + `]}`},
		"one in the middle":               {`{"Statement":[` + a + ` , ` + added + ` , ` + b + `]}`, `{"Statement":[` + a + ` , ` + b + `]}`},
		"in another order":                {`{"Statement":[` + a + `,` + reordered + `]}`, `{"Statement":[` + a + `]}`},
		"beside one that came after ours": {`{"Statement":[` + a + `,` + addedAlone + `,` + b + `]}`, `{"Statement":[` + a + `,` + b + `]}`},
		"the other one is alone again":    {`{"Statement":[` + addedAlone + `,` + a + `]}`, `{"Statement":` + a + `}`},
		"there is none":                   {`{"Statement":[` + a + `]}`, `{"Statement":[` + a + `]}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := parsed(t, test.text).without(newNodes); err != nil || got != test.want {
				t.Errorf("without = %s, %v, want\n%s", got, err, test.want)
			}
		})
	}
}

// A statement that is ours by its name only is nobody's to remove but a person's.
func TestChangedByOthers(t *testing.T) {
	a := allow(`{"AWS":"` + oldNodes + `"}`)
	for name, statement := range map[string]string{
		"a condition":        strings.Replace(added, `"Action"`, `"Condition":{},"Action"`, 1),
		"another principal":  strings.Replace(added, newNodes, oldNodes, 1),
		"one more principal": strings.Replace(added, `"`+newNodes+`"`, `["`+newNodes+`","`+oldNodes+`"]`, 1),
		"one more service":   strings.Replace(added, `{"AWS"`, `{"Service":"ec2.amazonaws.com","AWS"`, 1),
		"a denial":           strings.Replace(added, "Allow", "Deny", 1),
		"another action":     strings.Replace(added, "sts:AssumeRole", "sts:*", 1),
		"it is there twice":  added + "," + added,
	} {
		t.Run(name, func(t *testing.T) {
			p := parsed(t, `{"Statement":[`+a+`,`+statement+`]}`)
			if got, err := p.without(newNodes); err == nil {
				t.Errorf("without = %s, want an error", got)
			}
			got, err := p.with(newNodes)
			if p.trusts(newNodes) {
				if err != nil || got != p.text {
					t.Errorf("with = %s, %v, want it as it was: it trusts", got, err)
				}
			} else if err == nil {
				t.Errorf("with = %s, want an error", got)
			}
		})
	}
}

func TestDenies(t *testing.T) {
	deny := func(rest string) string { return `{"Statement":[{"Effect":"Deny",` + rest + `}]}` }
	for name, test := range map[string]struct {
		text string
		want bool
	}{
		"the principal":                          {deny(`"Principal":{"AWS":"` + newNodes + `"},"Action":"sts:AssumeRole"`), true},
		"the principal in a list":                {deny(`"Principal":{"AWS":["x","` + newNodes + `"]},"Action":["sts:AssumeRole"]`), true},
		"the principal under a condition":        {deny(`"Principal":{"AWS":"` + newNodes + `"},"Action":"sts:*","Condition":{"Bool":{}}`), true},
		"everybody":                              {deny(`"Principal":"*","Action":"*"`), true},
		"everybody of AWS":                       {deny(`"Principal":{"AWS":"*"},"Action":"sts:AssumeRole"`), true},
		"its account by the root":                {deny(`"Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"`), true},
		"its account by number":                  {deny(`"Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"`), true},
		"all but others":                         {deny(`"NotPrincipal":{"AWS":"` + oldNodes + `"},"Action":"sts:AssumeRole"`), true},
		"all actions but others":                 {deny(`"Principal":"*","NotAction":"sts:TagSession"`), true},
		"all but the principal":                  {deny(`"NotPrincipal":{"AWS":["` + newNodes + `"]},"Action":"sts:AssumeRole"`), false},
		"all actions but this":                   {deny(`"Principal":"*","NotAction":"sts:AssumeRole"`), false},
		"everybody under a condition":            {deny(`"Principal":"*","Action":"sts:AssumeRole","Condition":{"Bool":{}}`), false},
		"another principal":                      {deny(`"Principal":{"AWS":"` + oldNodes + `"},"Action":"sts:AssumeRole"`), false},
		"another action":                         {deny(`"Principal":{"AWS":"` + newNodes + `"},"Action":"sts:AssumeRoleWithSAML"`), false},
		"another account":                        {deny(`"Principal":{"AWS":"arn:aws:iam::210987654321:root"},"Action":"sts:AssumeRole"`), false},
		"nobody":                                 {`{"Statement":[]}`, false},
		"nobody, since everybody is allowed":     {`{"Statement":[` + allow(`"*"`) + `]}`, false},
		"a service under the principal's number": {deny(`"Principal":{"Service":"123456789012"},"Action":"sts:AssumeRole"`), false},
	} {
		t.Run(name, func(t *testing.T) {
			if why := parsed(t, test.text).denies(newNodes); (why != "") != test.want {
				t.Errorf("denies = %q, want a reason: %t", why, test.want)
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                      "",
		"no JSON":                      "{",
		"a list":                       "[]",
		"no statement":                 `{"Version":"2012-10-17"}`,
		"a statement that is a string": `{"Statement":"allow"}`,
		"a statement that is null":     `{"Statement":null}`,
		"a list of strings":            `{"Statement":["allow"]}`,
		"two lists of statements":      `{"Statement":[],"Statement":[]}`,
		"two effects":                  `{"Statement":[{"Effect":"Allow","Effect":"Deny"}]}`,
		"something after the end":      `{"Statement":[]} {}`,
		"a list that does not end":     `{"Statement":[{}`,
	} {
		t.Run(name, func(t *testing.T) {
			if p, err := parse(text); err == nil {
				t.Errorf("parse = %+v, want an error", p)
			}
		})
	}
}

func parsed(t *testing.T, text string) policy {
	t.Helper()
	p, err := parse(text)
	if err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	return p
}

// Whatever the policy: the edit gives JSON that trusts the principal, is a fixed point, and is undone to the byte.
func FuzzEdit(f *testing.F) {
	a := allow(`{"AWS":["` + oldNodes + `"]}`)
	for _, text := range []string{
		`{"Statement":[` + a + `]}`, `{"Statement":` + a + `}`, `{ "Statement" : [ ] }`, `{"Statement":[` + added + `]}`,
		`{"Statement":[` + addedAlone + `,` + a + `]}`, "{\"Statement\":[{}\n,\t{}],\"a\":\"\xff\"}", `{"\u0053tatement":{"Action":"*"}}`,
	} {
		f.Add(text, newNodes)
	}
	f.Fuzz(func(t *testing.T, text, principal string) {
		p, err := parse(text)
		if err != nil || principal == "" || !utf8.ValidString(principal) {
			return
		}
		_ = p.denies(principal)
		got, err := p.with(principal)
		if err != nil {
			return
		}
		if !json.Valid([]byte(got)) {
			t.Fatalf("with gives no JSON: %s", got)
		}
		q := parsed(t, got)
		if !q.trusts(principal) {
			t.Errorf("it does not trust %q: %s", principal, got)
		}
		if again, err := q.with(principal); err != nil || again != got {
			t.Errorf("the second time gives %s, %v", again, err)
		}
		if got == text {
			return // it was trusted before
		}
		if undone, err := q.without(principal); err != nil || undone != text {
			t.Errorf("undone = %s, %v, want %s", undone, err, text)
		}
	})
}
