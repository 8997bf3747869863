package drift

import (
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/runtime"

	"cutover/reconciler/object"
)

const (
	// credentialWords are in the names that people give to credentials.
	credentialWords = `passw|passphrase|pwd|secret|token|credential|authorization|(?:private|api|access|account|client|signing|encryption|master|shared)[._-]?key`
	// credentialNames are the words, and short ones that have to stand alone.
	credentialNames = credentialWords + `|pass(?:\b|_)|(?:\b|_)pw(?:\b|_)`
)

var (
	// credentialName matches the name of a variable, a key or a flag that holds a credential.
	credentialName = regexp.MustCompile(`(?i)` + credentialNames)
	// credentialField matches a field of any object that holds a credential; secretName or secretKeyRef only
	// point at one.
	credentialField = regexp.MustCompile(`(?i)(password|passwd|pwd|passphrase|secret|token|authorization|(private|api|access)[._-]?key)$`)
	// soloFlag matches a flag whose value is the argument after it.
	soloFlag = regexp.MustCompile(`^-[\w.-]+$`)
)

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// masker replaces credentials by a number: the same one for the same value, so that a text still shows which
// values are equal and which differ. One masker serves one comparison.
type masker struct {
	numbers map[string]int  // by value
	masked  map[string]bool // the masks given out, so that none is masked again
}

func newMasker() *masker { return &masker{map[string]int{}, map[string]bool{}} }

// mask returns the mask of a credential. There is nothing to hide in an empty one.
func (m *masker) mask(credential string) string {
	if credential == "" || m.masked[credential] {
		return credential
	}
	n, ok := m.numbers[credential]
	if !ok {
		n = len(m.numbers) + 1
		m.numbers[credential] = n
	}
	mask := fmt.Sprintf("*** (%d)", n)
	m.masked[mask] = true
	return mask
}

// object returns a copy of an object's fields that shows no credential.
func (m *masker) object(o map[string]any) map[string]any {
	out := runtime.DeepCopyJSON(o)
	switch object.RefOf(asObject(out)).GroupVersionKind().GroupKind() {
	case secretKind:
		m.values(out, "data", anyKey)
		m.values(out, "stringData", anyKey)
	case configMapKind:
		m.values(out, "data", credentialName.MatchString)
		m.values(out, "binaryData", anyKey) // nothing in it can be told from a credential
	}
	m.fields(out)
	return out
}

func anyKey(string) bool { return true }

// values masks the values of a map of strings whose keys are to be hidden.
func (m *masker) values(o map[string]any, field string, hidden func(key string) bool) {
	values, _ := o[field].(map[string]any)
	for _, k := range sortedKeys(values) {
		if hidden(k) {
			values[k] = m.whole(values[k])
		}
	}
}

// fields masks whatever looks like a credential in the fields of a map, whatever they belong to.
func (m *masker) fields(o map[string]any) {
	if name, ok := o["name"].(string); ok && credentialName.MatchString(name) && o["value"] != nil {
		o["value"] = m.whole(o["value"])
	}
	for _, k := range sortedKeys(o) {
		switch {
		case k == lastApplied, credentialField.MatchString(k):
			o[k] = m.whole(o[k])
		case k == "image":
			// It holds no credential, but may well be called token-service:1.2.
			continue
		}
		o[k] = m.any(o[k])
	}
}

// whole masks a value that is a credential. A map or a list under a credential's name only has some inside.
func (m *masker) whole(v any) any {
	switch v := v.(type) {
	case nil, map[string]any, []any:
		return v
	default:
		return m.mask(fmt.Sprint(v))
	}
}

// any masks whatever looks like a credential in a value, and returns it.
func (m *masker) any(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m.fields(v)
	case []any:
		after := "" // the argument before
		for i, item := range v {
			if soloFlag.MatchString(after) && credentialName.MatchString(after) {
				v[i] = m.whole(item)
			} else {
				v[i] = m.any(item)
			}
			after, _ = item.(string)
		}
	case string:
		return m.text(v)
	}
	return v
}
