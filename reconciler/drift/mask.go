package drift

import (
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/runtime"

	"cutover/reconciler/object"
)

var (
	// credentialName matches what people call a variable or a key that holds a credential.
	credentialName = regexp.MustCompile(`(?i)passw|passphrase|secret|token|credential|private[._-]?key|api[._-]?key|access[._-]?key|(^|[._-])(pass|pwd)($|[._-])`)
	// credentialField matches a field of any object that holds a credential; secretName or secretKeyRef only
	// point at one.
	credentialField = regexp.MustCompile(`(?i)(password|passwd|passphrase|secret|token|private[._-]?key|api[._-]?key|access[._-]?key)$`)
	// credentialText matches a credential inside a longer text: a URL with a password, a command's flag, a key.
	credentialText = regexp.MustCompile(`(?i)://[^/\s:@]*:[^/\s@]+@|-[a-z0-9-]*(passw|secret|token|api-?key)[a-z0-9-]*[= ]\S|-----BEGIN [A-Z ]*PRIVATE KEY`)
)

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// masker replaces credentials by a number: the same one for the same value, so that a text still shows which
// values are equal and which differ. One masker serves one comparison.
type masker struct {
	numbers map[string]int  // by value
	masked  map[string]bool // the masks given out, so that none is masked again
}

func newMasker() *masker { return &masker{map[string]int{}, map[string]bool{}} }

func (m *masker) mask(v any) any {
	text := fmt.Sprint(v)
	if text == "" || m.masked[text] {
		return v
	}
	n, ok := m.numbers[text]
	if !ok {
		n = len(m.numbers) + 1
		m.numbers[text] = n
	}
	text = fmt.Sprintf("*** (%d)", n)
	m.masked[text] = true
	return text
}

// object returns a copy of an object's fields that shows no credential.
func (m *masker) object(o map[string]any) map[string]any {
	out := runtime.DeepCopyJSON(o)
	gvk := object.RefOf(asObject(out)).GroupVersionKind()
	data := func(hide func(key string) bool) {
		for _, field := range []string{"data", "stringData", "binaryData"} {
			values, _ := out[field].(map[string]any)
			for _, k := range sortedKeys(values) {
				if hide(k) {
					values[k] = m.mask(values[k])
				}
			}
		}
	}
	switch gvk.GroupKind() {
	case secretKind:
		data(func(string) bool { return true })
	case configMapKind:
		data(credentialName.MatchString)
	}
	m.walk(out)
	return out
}

// walk masks in place whatever looks like a credential, whatever the kind.
func (m *masker) walk(v any) {
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			if s, ok := item.(string); ok && credentialText.MatchString(s) {
				v[i] = m.mask(s)
			}
			m.walk(item)
		}
	case map[string]any:
		if name, ok := v["name"].(string); ok && credentialName.MatchString(name) && v["value"] != nil {
			v["value"] = m.mask(v["value"])
		}
		for _, k := range sortedKeys(v) {
			if s, ok := v[k].(string); ok && (k == lastApplied || credentialField.MatchString(k) || credentialText.MatchString(s)) {
				v[k] = m.mask(s)
			}
			m.walk(v[k])
		}
	}
}
