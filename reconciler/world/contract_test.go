package world_test

import (
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover/gitops/estate"
	"cutover/reconciler/contract"
	"cutover/reconciler/object"
	"cutover/reconciler/world"
)

// empty is a world without content, whose calls take some time so that whoever waits for something sees it.
func empty(t *testing.T) *world.World {
	t.Helper()
	w, err := world.New(world.Options{Empty: true, Latency: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestPipelines(t *testing.T) {
	w := empty(t)
	contract.Pipelines(t, func(*testing.T) contract.PipelineStore { return w.Another().Ports().Spinnaker })
}

func TestJournal(t *testing.T) {
	contract.Journal(t, func(t *testing.T) contract.JournalStore { return empty(t).Start().Ports().Journal })
}

func TestAlarms(t *testing.T) {
	w := empty(t)
	contract.Alarms(t, func(*testing.T) contract.AlarmStore { return w.Another().Ports().Alertmanager }, w.Now)
}

func TestSecrets(t *testing.T) {
	contract.Secrets(t, func(t *testing.T) contract.SecretPlace {
		w := empty(t)
		return contract.SecretPlace{
			Store: w.Start().Ports().Vault, From: "k8s-secret/a", To: "k8s-secret/b",
			Seed:   func(_ *testing.T, root, path string, data map[string]any) { w.WriteSecret(root+"/"+path, data) },
			Delete: func(_ *testing.T, root, path string) { w.WriteSecret(root+"/"+path, nil) },
			Held:   func(_ *testing.T, root, path string) map[string]any { return w.Secret(root + "/" + path) },
			Kept:   func(_ *testing.T, path string) []map[string]any { return w.OlderSecrets("k8s-secret/b/" + path) },
		}
	})
}

// TestJobs has somebody else make the CronJobs.
func TestJobs(t *testing.T) {
	contract.Jobs(t, func(t *testing.T) contract.ClusterBench {
		w, err := world.New(world.Options{Empty: true, Files: world.SampleFiles()})
		must(t, err)
		const namespace = "contract"
		k := w.Start().Cluster(w.Migration().From.Cluster.String())
		must(t, k.EnsureNamespace(t.Context(), namespace))
		return contract.ClusterBench{
			Cluster: k, Namespace: namespace,
			Create: func(o object.Object) {
				must(t, k.Apply(t.Context(), object.Set{Namespace: namespace, Name: o.GetName()}, []object.Object{o}))
			},
			Get: func(ref object.Ref) object.Object {
				live, err := k.Live(t.Context(), object.Set{Namespace: namespace, Name: "nothing"}, []object.Ref{ref})
				must(t, err)
				if len(live.Objects) == 0 {
					return nil
				}
				return live.Objects[0]
			},
			Eventually: func(what string, ok func() bool) {
				t.Helper()
				for range 60 {
					if ok() {
						return
					}
					w.Advance(w.Now().Add(time.Second))
				}
				t.Fatalf("not within a minute: %s", what)
			},
		}
	})
}

// TestSecretKeys has secret-sync make the Secrets, as strangers' that they are.
func TestSecretKeys(t *testing.T) {
	contract.SecretKeys(t, func(t *testing.T) contract.ClusterBench {
		w, err := world.New(world.Options{Empty: true, Files: world.SampleFiles()})
		must(t, err)
		const namespace = "contract"
		cluster, path := w.Migration().From.Cluster, "k8s-secret/orbit-prod/"+namespace+"/" // as the sample has it
		k := w.Start().Cluster(cluster.String())
		must(t, k.EnsureNamespace(t.Context(), namespace))
		return contract.ClusterBench{
			Cluster: k, Namespace: namespace,
			Create: func(o object.Object) {
				values := map[string]any{}
				data, _, _ := unstructured.NestedStringMap(o.Object, "data")
				for key, encoded := range data {
					value, err := base64.StdEncoding.DecodeString(encoded)
					must(t, err)
					values[key] = string(value)
				}
				w.WriteSecret(path+o.GetName(), values)
				w.Advance(w.Now().Add(2 * time.Minute))
			},
			Delete: func(ref object.Ref) {
				w.WriteSecret(path+ref.Name, nil)
				must(t, w.Remove("grace", cluster, ref))
			},
		}
	})
}

func TestReviews(t *testing.T) {
	contract.Reviews(t, func(t *testing.T) contract.Forge {
		w, err := world.New(world.Options{Empty: true, Files: []estate.File{{Path: "README.md", Data: []byte("readme\n")}}})
		if err != nil {
			t.Fatal(err)
		}
		return forge{w}
	})
}

// forge is the world's git host as the contract wants it.
type forge struct{ w *world.World }

func (f forge) Store(*testing.T) contract.ReviewStore { return f.w.Another().Ports().Host }
func (f forge) Daemon() string                        { return world.Bot }
func (f forge) Reviewer() string                      { return "grace" }

func (f forge) Commit(t *testing.T, branch, message string, files map[string]string) string {
	t.Helper()
	f.w.Advance(f.w.Now().Add(time.Second))
	var write []estate.File
	var remove []string
	for path, text := range files {
		if text == "" {
			remove = append(remove, path)
		} else {
			write = append(write, estate.File{Path: path, Data: []byte(text)})
		}
	}
	hash, err := f.w.Push(f.Daemon(), branch, write, remove, message)
	must(t, err)
	return hash
}

func (f forge) Line(t *testing.T, commit string, length int) []string {
	t.Helper()
	var out []string
	for len(out) < length {
		out = append(out, commit)
		commit = f.w.Parent(commit)
	}
	return out
}

func (f forge) Merge(t *testing.T, number int, method contract.MergeMethod) string {
	t.Helper()
	f.w.Advance(f.w.Now().Add(time.Second))
	must(t, f.w.Merge(f.Reviewer(), number, world.Method(method)))
	return f.w.Head(f.w.Requests()[number-1].Base)
}

func (f forge) DeleteBranch(t *testing.T, branch string) {
	t.Helper()
	must(t, f.w.Another().Ports().Repository.DeleteBranch(t.Context(), branch, f.w.Head(branch)))
}

func (f forge) Approve(t *testing.T, number int, as, text string) {
	t.Helper()
	must(t, f.w.Approve(as, number, text))
}

func (f forge) Unsay(t *testing.T, number int, id int64) {
	t.Helper()
	must(t, f.w.Unsay("grace", number, id))
}

func (f forge) Say(t *testing.T, number int, as, text string) {
	t.Helper()
	must(t, f.w.Say(as, number, text))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(fmt.Errorf("the world: %w", err))
	}
}
