package drift_test

import (
	"fmt"
	"strings"
	"testing"

	"cutover/reconciler/drift"
	"cutover/reconciler/object"
)

// BenchmarkDecide compares a set of 500 objects, half of them Deployments, none of which differs.
func BenchmarkDecide(b *testing.B) {
	var git []object.Object
	for i := range 250 {
		name := fmt.Sprintf("{name: api-%d,", i)
		git = append(git, objects(b, []byte(strings.Replace(scaled, "{name: api,", name, 1)))...)
		git = append(git, objects(b, []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: "+name+" namespace: core}\ndata: {a: '1', b: '2'}\n"))...)
	}
	live := &store{t: b}
	live.apply(git)
	for b.Loop() {
		plan, err := drift.Decide(set, git, object.Live{Objects: live.objects, Complete: true}, policy)
		if err != nil || plan.Same != 500 {
			b.Fatalf("%v, %v", plan.Refused, err)
		}
	}
}
