package drift

import (
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

// builtin are the kinds of Kubernetes itself. It is a scheme of its own, because other packages (Helm) add kinds to
// the shared one that have no schema in client-go.
var builtin = sync.OnceValue(func() *runtime.Scheme {
	s := runtime.NewScheme()
	if err := scheme.AddToScheme(s); err != nil {
		panic(err) // a fixed list of kinds
	}
	return s
})

// schemas are those of the built-in kinds. Parsing them takes a tenth of a second, so it is done once, when first
// needed.
var schemas = sync.OnceValue(func() managedfields.TypeConverter {
	return applyconfigurations.NewTypeConverter(builtin())
})

// asTyped gives a value its kind's schema. Other kinds get one that is deduced from the value: maps are merged, and a
// list is one value.
func asTyped(o map[string]any, opts ...typed.ValidationOptions) (*typed.TypedValue, error) {
	u := &unstructured.Unstructured{Object: o}
	if builtin().Recognizes(u.GroupVersionKind()) {
		return schemas().ObjectToTyped(u, opts...)
	}
	return managedfields.NewDeducedTypeConverter().ObjectToTyped(u, opts...)
}
