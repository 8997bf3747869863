package values

import (
	"bytes"
	"os"
	"testing"
)

// TestSchemaCopies keeps docs/schemas, which editors are pointed at, equal to what the program checks with.
func TestSchemaCopies(t *testing.T) {
	for _, name := range SchemaNames() {
		want, err := Schema(name)
		if err != nil {
			t.Fatal(err)
		}
		path := "../../docs/schemas/" + name + ".json"
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from gitops/values/schema/%s.json (%v): run go test ./gitops/values -update", path, name, err)
		}
	}
}

func TestSchemaUnknown(t *testing.T) {
	_, err := Schema("values")
	if want := `no schema is named "values": use one of break-glass, estate, migration, phase, service, stacks, versions`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestSchemasCompile also checks that each pattern and each choice has words for a person.
func TestSchemasCompile(t *testing.T) {
	for kind, s := range schemas() {
		requireWords(t, string(kind), s.text)
	}
}

func requireWords(t *testing.T, path string, part any) {
	switch part := part.(type) {
	case []any:
		for _, p := range part {
			requireWords(t, path, p)
		}
	case map[string]any:
		for _, keyword := range []string{"pattern", "oneOf", "anyOf", "not", "patternProperties"} {
			if part[keyword] != nil && part["errorMessage"] == nil {
				t.Errorf("%s has %s without errorMessage", path, keyword)
			}
		}
		for key, p := range part {
			requireWords(t, path+"/"+key, p)
		}
	}
}
