package e2e

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"cutover/cmd/internal/lab/scenario"
	"cutover/gitops/estate"
	"cutover/reconciler/contract/labtest"
)

// TestForeignObject finds in the new cluster a Service that somebody made by hand under the name of one of ours: it is
// told and stays as it is, its service waits, the others do not, and without it the service is deployed.
func TestForeignObject(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func([]estate.File) []estate.File{"by pipeline": nil, "direct": direct} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, edit)
			client, err := kubernetes.NewForConfig(labtest.Get(t).REST(t, labtest.New))
			if err != nil {
				t.Fatal(err)
			}
			ours := client.CoreV1().Services(p.core())
			namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.core()}}
			if _, err := client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			foreign := &corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Name: "profile"},
				Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "mine"}, Ports: []corev1.ServicePort{{Name: "mine", Port: 99}}},
			}
			before, err := ours.Create(t.Context(), foreign, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			p.mark(t, estate.Prepare, estate.Deploy)
			d := p.start(t)
			r := p.await(t, d, "the foreign object is reported", func(r scenario.Report) bool {
				return r.Decision.Kind == "hold" && r.Decision.Reason.Code == "service-blocked"
			})
			for _, want := range []string{"Service", p.core() + "/profile", "it exists and is not ours", "delete it"} {
				if !strings.Contains(r.Decision.Reason.Text, want) {
					t.Errorf("the reason is %q, want it to say %q", r.Decision.Reason.Text, want)
				}
			}
			if !service(t, r, "search").Ready {
				t.Error("search is not ready: it has nothing to do with the foreign object")
			}
			after, err := ours.Get(t.Context(), "profile", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the foreign object was changed (-before +after):\n%s", diff)
			}
			if o := p.object(t, deployments, "profile"); o != nil {
				t.Error("the rest of the service was deployed")
			}
			if err := ours.Delete(t.Context(), "profile", metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			p.await(t, d, "phase deploy is complete", complete(estate.Deploy))
		})
	}
}
