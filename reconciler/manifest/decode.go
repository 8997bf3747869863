package manifest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"cutover/reconciler/object"
)

// decode appends the objects of a text, which is one YAML document or, for definitions of custom resources, many.
// Documents that hold nothing but comments count for nothing.
func decode(list []object.Object, d document) ([]object.Object, error) {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(d.text)))
	for {
		text, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		found, err := decodeOne(text)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
}

// decodeOne gives the object of one document, or the items of a list, as kubectl would take it.
func decodeOne(text []byte) ([]object.Object, error) {
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, err
	}
	if string(asJSON) == "null" {
		return nil, nil
	}
	// The decoder's errors hold the text, and the text may hold a secret.
	decoded, err := runtime.Decode(unstructured.UnstructuredJSONScheme, asJSON)
	switch {
	case runtime.IsMissingKind(err):
		return nil, errors.New("a document has no kind: it is no Kubernetes object")
	case err != nil:
		return nil, errors.New("a document is no Kubernetes object: it must be a map")
	}
	var list []object.Object
	switch o := decoded.(type) {
	case *unstructured.Unstructured:
		list = append(list, o)
	case *unstructured.UnstructuredList:
		for i := range o.Items {
			list = append(list, &o.Items[i])
		}
	}
	for _, o := range list {
		if o.GetAPIVersion() == "" || o.GetKind() == "" {
			return nil, fmt.Errorf("object %q lacks apiVersion or kind", o.GetName())
		}
	}
	return list, nil
}
