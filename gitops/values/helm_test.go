package values

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chartutil"
)

// TestValuesAsHelm compares values files with what Helm itself makes of them.
func TestValuesAsHelm(t *testing.T) {
	tests := map[string]string{
		"empty":       "",
		"comment":     "# nothing\n",
		"null":        "a: ~\nb: null\nc:\n",
		"booleans":    "a: yes\nb: No\nc: on\nd: OFF\ne: y\nf: true\ng: yEs\nh: \"yes\"\n",
		"integers":    "a: 0123\nb: 0o17\nc: 0x1F\nd: 0b11\ne: 1_000\nf: +1\ng: 0\nh: -0\n",
		"large":       "a: 9007199254740993\nb: 18446744073709551615\nc: 123456789012345678901234567890\nd: -9223372036854775808\n",
		"floats":      "a: 1e3\nb: 1.10\nc: 1.\nd: .5\ne: 1e999\nf: 1_0.5\n",
		"sexagesimal": "a: 1:30\nb: 12:30:45\n",
		"timestamps":  "a: 2001-01-01\nb: 2001-01-01T00:00:00Z\nc: \"2001-01-01\"\n",
		"binary":      "a: !!binary aGVsbG8=\nb: !!str 12\nc: !!int \"12\"\nd: !!float 1\n",
		"tags":        "a: !custom x\nb: !custom {c: 1}\n",
		"keys":        "1: a\n1.5: b\n\"yes\": c\n0x10: d\n",
		"anchors":     "a: &a {x: 1, list: [1, 2]}\nb:\n  <<: *a\n  x: 2\nc: *a\nd: {<<: [{x: 3}, *a], z: 1}\n",
		"blocks":      "a: |\n  one\n  two\nb: >-\n  one\n  two\nc: |+\n  one\n\n",
		"quotes":      "a: 'it''s'\nb: \"\\u00e9\\n\\x41\"\nc: \"\"\n",
		"unicode":     "ключ: значение\nb: 日本\n",
		"bom":         "\ufeffa: 1\n",
		"crlf":        "a: 1\r\nb:\r\n  c: x\r\n",
		"directive":   "%YAML 1.1\n---\na: yes\n...\n",
		"json":        `{"a": [1, 2.0, null, "x"], "b": {}}`,
	}
	for name, source := range tests {
		t.Run(name, func(t *testing.T) {
			want, err := chartutil.ReadValues([]byte(source))
			if err != nil {
				t.Fatal(err)
			}
			fsys := example(t)
			fsys["deploy-values/orbit/core/api/values.yaml"] = &fstest.MapFile{Data: []byte(source)}
			e, problems := Read(fsys)
			if err := problems.Err(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.AsMap(), e.Services[0].Shared.Values); diff != "" {
				t.Errorf("helm and we differ (-helm +we):\n%s", diff)
			}
		})
	}
}
