package pipeline

import (
	"maps"
	"strings"

	"github.com/google/uuid"
)

// markKey is the top-level field of a pipeline that says who generated it. Front50 keeps fields that it does not
// know, so the mark survives a save.
const markKey = "cutover"

// Ownership is the mark in a generated pipeline. Only a pipeline that carries it may be changed or deleted.
type Ownership struct {
	Estate    string
	Product   string
	Namespace string
	Service   string
	Stack     string
	Template  string
}

// Mark returns a copy of d that carries the mark.
func Mark(d Document, o Ownership) Document {
	marked := maps.Clone(d)
	if marked == nil {
		marked = Document{}
	}
	mark := make(map[string]any)
	for key, field := range o.fields() {
		mark[key] = *field
	}
	marked[markKey] = mark
	return marked
}

// OwnedBy returns the mark that d carries, or false if it carries none or only a part of one.
func OwnedBy(d Document) (Ownership, bool) {
	mark, ok := d[markKey].(map[string]any)
	if !ok {
		return Ownership{}, false
	}
	var o Ownership
	for key, field := range o.fields() {
		if *field, _ = mark[key].(string); *field == "" {
			return Ownership{}, false
		}
	}
	return o, true
}

func (o *Ownership) fields() map[string]*string {
	return map[string]*string{
		"estate": &o.Estate, "product": &o.Product, "namespace": &o.Namespace,
		"service": &o.Service, "stack": &o.Stack, "template": &o.Template,
	}
}

// namespace makes our ids differ from every other program's (RFC 9562, section 5.5).
var namespace = uuid.NewSHA1(uuid.NameSpaceOID, []byte("cutover pipeline"))

// ID is the id of a generated pipeline: the same for the same estate, application and key, wherever and whenever
// it is computed, so a repeated save overwrites instead of adding a second pipeline.
func ID(estateName, application, key string) string {
	return uuid.NewSHA1(namespace, []byte(strings.Join([]string{estateName, application, key}, "\x00"))).String()
}
