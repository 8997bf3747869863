package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Canonical is the one way in which a document is written: keys sorted, indented by two spaces, `<`, `>` and `&`
// as they are, and a newline at the end. It panics if d holds anything but JSON values, which Normalize refuses.
func Canonical(d Document) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(d); err != nil {
		panic(fmt.Sprintf("pipeline: document is no JSON object: %v", err))
	}
	return out.Bytes()
}

// Normalize returns a deep copy of v in the types that encoding/json decodes into, so that a number is equal to
// itself whether it came from YAML or from Gate. It fails if v is no JSON object: a NaN, or a key that is no string.
func Normalize(v any) (Document, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var d Document
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, err
	}
	return d, nil
}
