package kube_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/failure"
	"cutover/reconciler/object"
)

func (b *bench) exists(resource, name string) bool {
	b.Helper()
	_, err := b.client(resource).Get(b.Context(), name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		b.Fatal(err)
	}
	return err == nil
}

func TestPruneOnlyMembers(t *testing.T) {
	b := newBench(t)
	other := object.Set{Namespace: b.namespace, Name: "other"}
	b.obey(b.set, b.decide(b.set, b.objects(two+"---"+workload)))
	b.obey(other, b.decide(other, b.objects("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: theirs}")))
	b.create("configmaps", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: nobodys}")

	git := b.objects(two)[:1]
	plan := b.decide(b.set, git)
	if len(plan.Prune) != 3 {
		t.Fatalf("got\n%s\nwant the Secret, the Deployment and its ConfigMap pruned", report(b.set, plan))
	}
	b.obey(b.set, plan)
	for _, gone := range [][2]string{{"secrets", "two"}, {"deployments.apps", "api"}, {"configmaps", "api"}} {
		if b.exists(gone[0], gone[1]) {
			t.Errorf("%v is still there", gone)
		}
	}
	for _, name := range []string{"one", "theirs", "nobodys", b.set.Parent().Name, other.Parent().Name} {
		if !b.exists("configmaps", name) {
			t.Errorf("%s is gone", name)
		}
	}
	if kinds := b.get("configmaps", b.set.Parent().Name).GetAnnotations()[object.AnnotationKinds]; kinds != "ConfigMap" {
		t.Errorf("the parent lists %q, want what is left", kinds)
	}
	b.wantSame(b.set, git)
}

func TestPruneLooksAgain(t *testing.T) {
	b := newBench(t)
	b.obey(b.set, b.decide(b.set, b.objects(two)))
	plan := b.decide(b.set, b.objects(two)[1:])
	b.edit("configmaps", "one", types.MergePatchType, `{"metadata": {"labels": {"`+object.LabelPartOf+`": null}}}`)
	if err := b.cluster.Prune(t.Context(), b.set, []object.Ref{plan.Prune[0].Ref}); !errors.Is(err, failure.ErrConflict) {
		t.Errorf("an object that left the set: got %v, want a conflict", err)
	}
	if err := b.cluster.Prune(t.Context(), b.set, []object.Ref{b.set.Parent()}); !errors.Is(err, failure.ErrRefused) {
		t.Errorf("the parent: got %v, want a refusal", err)
	}
	if !b.exists("configmaps", "one") || !b.exists("configmaps", b.set.Parent().Name) {
		t.Error("deleted all the same")
	}
}

func TestParentOfAnotherTool(t *testing.T) {
	b := newBench(t)
	b.obey(b.set, b.decide(b.set, b.objects(two)))
	parent := b.set.Parent().Name
	b.edit("configmaps", parent, types.MergePatchType, `{"metadata": {"annotations": {"`+object.AnnotationTooling+`": "helm/v3"}}}`)
	if err := b.cluster.Apply(t.Context(), b.set, b.objects(two)); !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), "helm") {
		t.Errorf("got %v, want a refusal that names the other tool", err)
	}
}

// kubectl takes our parent for an ApplySet: it refuses to touch another tool's, and, once told that the set is its
// own, prunes exactly the members.
func TestKubectlUnderstandsOurApplySet(t *testing.T) {
	b := newBench(t)
	b.obey(b.set, b.decide(b.set, b.objects(two)))
	b.create("configmaps", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: nobodys}")
	file := filepath.Join(t.TempDir(), "one.yaml")
	if err := os.WriteFile(file, []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: '1'}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	parent := b.set.Parent().Name
	kubectl := func() (string, error) {
		cmd := exec.CommandContext(t.Context(), "kubectl", "--kubeconfig", labtest.Get(t).Clusters[labtest.New].Kubeconfig, "--namespace", b.namespace,
			"apply", "--server-side", "--force-conflicts", "--prune", "--applyset=configmap/"+parent, "-f", file)
		cmd.Env = append(os.Environ(), "KUBECTL_APPLYSET=true")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := kubectl(); err == nil || !strings.Contains(out, `managed by tooling "cutover" instead of "kubectl"`) {
		t.Fatalf("got %v: %s\nwant kubectl to respect the tool", err, out)
	}
	b.edit("configmaps", parent, types.MergePatchType, `{"metadata": {"annotations": {"`+object.AnnotationTooling+`": "kubectl/v1.32"}}}`)
	if out, err := kubectl(); err != nil || !strings.Contains(out, "secret/two pruned") {
		t.Fatalf("got %v: %s\nwant kubectl to prune the member that the file does not name", err, out)
	}
	if b.exists("secrets", "two") || !b.exists("configmaps", "one") || !b.exists("configmaps", "nobodys") {
		t.Error("kubectl did not prune exactly the member")
	}
}
