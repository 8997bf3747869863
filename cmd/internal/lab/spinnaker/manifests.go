package spinnaker

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// target is the object that a stage names by `account`, `location` and `manifestName: "<kind> <name>"`.
type target struct {
	cluster         *cluster
	kind            schema.GroupVersionKind
	namespace, name string
}

func (r *stageRun) target() (target, error) {
	account, err := r.account()
	if err != nil {
		return target{}, err
	}
	kind, name, ok := strings.Cut(textOf(r.context, "manifestName"), " ")
	if !ok || name == "" {
		return target{}, fmt.Errorf("manifestName %q must be a kind and a name", textOf(r.context, "manifestName"))
	}
	found, err := account.kindNamed(kind)
	return target{account, found, textOf(r.context, "location"), strings.TrimSpace(name)}, err
}

func (t target) patch(ctx context.Context, kind types.PatchType, patch any) (*unstructured.Unstructured, error) {
	data, err := json.Marshal(patch)
	if err != nil {
		return nil, err
	}
	resource, err := t.cluster.resource(t.kind, t.namespace)
	if err != nil {
		return nil, err
	}
	return resource.Patch(ctx, t.name, kind, data, metav1.PatchOptions{FieldManager: "kubectl"})
}

// plurals are the names of a resource that a person may mean by a kind.
func plurals(kind string) []string {
	kind = strings.ToLower(kind)
	return []string{kind, kind + "s", kind + "es", strings.TrimSuffix(kind, "y") + "ies"}
}

// scaleManifest sets the number of replicas, and waits until there are as many.
func scaleManifest(ctx context.Context, r *stageRun) (outcome, error) {
	t, err := r.target()
	if err != nil {
		return outcome{}, err
	}
	replicas, err := number(r.context["replicas"])
	if err != nil {
		return outcome{}, fmt.Errorf("replicas: %w", err)
	}
	live, err := t.patch(ctx, types.MergePatchType, map[string]any{"spec": map[string]any{"replicas": int64(replicas)}})
	if err != nil {
		return outcome{}, fmt.Errorf("scale %s %s: %w", t.kind.Kind, t.name, err)
	}
	return outcome{}, t.cluster.awaitStable(ctx, live)
}

// disableManifest takes an object out of the Services that its annotation traffic.spinnaker.io/load-balancers
// names, by removing the labels that they select by. Without the annotation there is nothing to do.
func disableManifest(ctx context.Context, r *stageRun) (outcome, error) {
	t, err := r.target()
	if err != nil {
		return outcome{}, err
	}
	live, err := t.cluster.get(ctx, t.kind, t.namespace, t.name)
	if err != nil {
		return outcome{}, fmt.Errorf("disable %s %s: %w", t.kind.Kind, t.name, err)
	}
	var services []string
	if text := live.GetAnnotations()["traffic.spinnaker.io/load-balancers"]; text != "" {
		if err := json.Unmarshal([]byte(text), &services); err != nil {
			return outcome{}, fmt.Errorf("disable %s %s: its load balancers: %w", t.kind.Kind, t.name, err)
		}
	}
	for _, service := range services {
		_, name, _ := strings.Cut(service, " ")
		selector, err := t.cluster.selector(ctx, t.namespace, name)
		if err != nil {
			return outcome{}, fmt.Errorf("disable %s %s: %w", t.kind.Kind, t.name, err)
		}
		removed := map[string]any{}
		for label := range selector {
			removed[label] = nil
		}
		patch := map[string]any{"metadata": map[string]any{"labels": removed}}
		if _, err := t.patch(ctx, types.MergePatchType, patch); err != nil {
			return outcome{}, fmt.Errorf("disable %s %s: %w", t.kind.Kind, t.name, err)
		}
	}
	return outcome{}, nil
}

func (c *cluster) selector(ctx context.Context, namespace, service string) (map[string]string, error) {
	live, err := c.get(ctx, schema.GroupVersionKind{Version: "v1", Kind: "Service"}, namespace, service)
	if err != nil {
		return nil, err
	}
	selector, _, err := unstructured.NestedStringMap(live.Object, "spec", "selector")
	return selector, err
}

// patchManifest changes a part of an object, and waits until it is stable.
func patchManifest(ctx context.Context, r *stageRun) (outcome, error) {
	t, err := r.target()
	if err != nil {
		return outcome{}, err
	}
	strategy := textOf(objectOf(r.context, "options"), "mergeStrategy")
	kind, known := map[string]types.PatchType{
		"": types.StrategicMergePatchType, "strategic": types.StrategicMergePatchType,
		"merge": types.MergePatchType, "json": types.JSONPatchType,
	}[strategy]
	if !known {
		return outcome{}, fmt.Errorf("mergeStrategy %q is not strategic, merge or json", strategy)
	}
	body := r.context["patchBody"]
	// Deck keeps a patch as a list of one, unless it is a JSON patch, which is a list by itself.
	if list, ok := body.([]any); ok && len(list) == 1 && kind != types.JSONPatchType {
		body = list[0]
	}
	live, err := t.patch(ctx, kind, body)
	if err != nil {
		return outcome{}, fmt.Errorf("patch %s %s: %w", t.kind.Kind, t.name, err)
	}
	return outcome{}, t.cluster.awaitStable(ctx, live)
}

// deleteConfig are the fields of a deleteManifest stage, beside the target.
type deleteConfig struct {
	Kinds   []string `json:"kinds"`
	Options struct {
		Cascading          *bool  `json:"cascading"`
		GracePeriodSeconds *int64 `json:"gracePeriodSeconds"`
	} `json:"options"`
	LabelSelectors struct {
		Selectors []struct {
			Kind   string   `json:"kind"`
			Key    string   `json:"key"`
			Values []string `json:"values"`
		} `json:"selectors"`
	} `json:"labelSelectors"`
}

// deleteManifest deletes one object by name, or those of some kinds by labels, and waits until they are gone.
// Nothing to delete is success.
func deleteManifest(ctx context.Context, r *stageRun) (outcome, error) {
	var c deleteConfig
	if err := decode(r.context, &c); err != nil {
		return outcome{}, err
	}
	options := metav1.DeleteOptions{GracePeriodSeconds: c.Options.GracePeriodSeconds}
	policy := metav1.DeletePropagationBackground
	if c.Options.Cascading != nil && !*c.Options.Cascading {
		policy = metav1.DeletePropagationOrphan
	}
	options.PropagationPolicy = &policy
	objects, account, err := r.toDelete(ctx, c)
	if err != nil {
		return outcome{}, err
	}
	for _, o := range objects {
		resource, err := account.of(&o)
		if err == nil {
			err = resource.Delete(ctx, o.GetName(), options)
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return outcome{}, fmt.Errorf("delete %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	for _, o := range objects {
		if err := account.awaitGone(ctx, &o); err != nil {
			return outcome{}, err
		}
	}
	return outcome{}, nil
}

func (r *stageRun) toDelete(ctx context.Context, c deleteConfig) ([]unstructured.Unstructured, *cluster, error) {
	if textOf(r.context, "manifestName") != "" {
		t, err := r.target()
		if err != nil {
			return nil, nil, err
		}
		live, err := t.cluster.get(ctx, t.kind, t.namespace, t.name)
		if apierrors.IsNotFound(err) {
			return nil, t.cluster, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("delete %s %s: %w", t.kind.Kind, t.name, err)
		}
		return []unstructured.Unstructured{*live}, t.cluster, nil
	}
	account, err := r.account()
	if err != nil {
		return nil, nil, err
	}
	labels, err := c.labels()
	if err != nil {
		return nil, nil, err
	}
	var objects []unstructured.Unstructured
	for _, name := range c.Kinds {
		kind, err := account.kindNamed(name)
		if err != nil {
			return nil, nil, err
		}
		resource, err := account.resource(kind, textOf(r.context, "location"))
		if err != nil {
			return nil, nil, err
		}
		list, err := resource.List(ctx, metav1.ListOptions{LabelSelector: labels})
		if err != nil {
			return nil, nil, fmt.Errorf("list %s: %w", name, err)
		}
		objects = append(objects, list.Items...)
	}
	return objects, account, nil
}

// labels writes the stage's selectors as Kubernetes takes them. It refuses to select everything.
func (c deleteConfig) labels() (string, error) {
	var terms []string
	for _, s := range c.LabelSelectors.Selectors {
		values := strings.Join(s.Values, ",")
		switch strings.ToUpper(s.Kind) {
		case "", "EQUALS", "CONTAINS":
			terms = append(terms, fmt.Sprintf("%s in (%s)", s.Key, values))
		case "NOT_EQUALS", "NOT_CONTAINS":
			terms = append(terms, fmt.Sprintf("%s notin (%s)", s.Key, values))
		case "EXISTS":
			terms = append(terms, s.Key)
		case "NOT_EXISTS":
			terms = append(terms, "!"+s.Key)
		default:
			return "", fmt.Errorf("label selector of kind %q", s.Kind)
		}
	}
	if len(terms) == 0 {
		return "", fmt.Errorf("a deletion needs a manifestName or labelSelectors")
	}
	return strings.Join(terms, ","), nil
}
