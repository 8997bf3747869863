package drift

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	secretKind    = schema.GroupKind{Kind: "Secret"}
	configMapKind = schema.GroupKind{Kind: "ConfigMap"}
)

// fallback is a default that the API server sets inside a value that is compared as a whole. Defaults elsewhere
// need no entry: a field that git does not name is not compared.
type fallback struct {
	path  pointer
	field string
	value any
}

// podFallbacks are the defaults of a Pod's specification (k8s.io/kubernetes/pkg/apis/core/v1, SetDefaults_*).
var podFallbacks = []fallback{
	{pointer{"containers", "*", "env", "*", "valueFrom", "fieldRef"}, "apiVersion", "v1"},
	{pointer{"containers", "*", "env", "*", "valueFrom", "resourceFieldRef"}, "divisor", "0"},
	{pointer{"initContainers", "*", "env", "*", "valueFrom", "fieldRef"}, "apiVersion", "v1"},
	{pointer{"initContainers", "*", "env", "*", "valueFrom", "resourceFieldRef"}, "divisor", "0"},
	{pointer{"volumes", "*", "downwardAPI", "items", "*", "fieldRef"}, "apiVersion", "v1"},
	{pointer{"volumes", "*", "downwardAPI", "items", "*", "resourceFieldRef"}, "divisor", "0"},
	{pointer{"volumes", "*", "projected", "sources", "*", "downwardAPI", "items", "*", "fieldRef"}, "apiVersion", "v1"},
	{pointer{"volumes", "*", "projected", "sources", "*", "downwardAPI", "items", "*", "resourceFieldRef"}, "divisor", "0"},
	{pointer{"volumes", "*", "projected", "sources", "*", "serviceAccountToken"}, "expirationSeconds", int64(3600)},
}

const rbac = "rbac.authorization.k8s.io"

// fallbacks are the defaults of other fields, by kind, from the same files of the other groups.
var fallbacks = map[schema.GroupKind][]fallback{
	{Group: "apps", Kind: "StatefulSet"}: {
		{pointer{"spec", "volumeClaimTemplates", "*"}, "apiVersion", "v1"},
		{pointer{"spec", "volumeClaimTemplates", "*"}, "kind", "PersistentVolumeClaim"},
		{pointer{"spec", "volumeClaimTemplates", "*", "spec"}, "volumeMode", "Filesystem"},
	},
	{Group: "batch", Kind: "Job"}: {
		{pointer{"spec", "podFailurePolicy", "rules", "*", "onPodConditions", "*"}, "status", "True"},
	},
	{Group: "batch", Kind: "CronJob"}: {
		{pointer{"spec", "jobTemplate", "spec", "podFailurePolicy", "rules", "*", "onPodConditions", "*"}, "status", "True"},
	},
	{Group: "networking.k8s.io", Kind: "NetworkPolicy"}: {
		{pointer{"spec", "ingress", "*", "ports", "*"}, "protocol", "TCP"},
		{pointer{"spec", "egress", "*", "ports", "*"}, "protocol", "TCP"},
	},
	{Group: rbac, Kind: "RoleBinding"}:        bindingFallbacks,
	{Group: rbac, Kind: "ClusterRoleBinding"}: bindingFallbacks,
	{Group: "admissionregistration.k8s.io", Kind: "ValidatingWebhookConfiguration"}: {
		{pointer{"webhooks", "*", "rules", "*"}, "scope", "*"},
	},
	{Group: "admissionregistration.k8s.io", Kind: "MutatingWebhookConfiguration"}: {
		{pointer{"webhooks", "*", "rules", "*"}, "scope", "*"},
	},
}

var bindingFallbacks = []fallback{{pointer{"roleRef"}, "apiGroup", rbac}}

// podPaths lead to the Pod specification of the kinds that have one.
var podPaths = map[schema.GroupKind]pointer{
	{Kind: "Pod"}:                        {"spec"},
	{Kind: "PodTemplate"}:                {"template", "spec"},
	{Kind: "ReplicationController"}:      {"spec", "template", "spec"},
	{Group: "apps", Kind: "Deployment"}:  {"spec", "template", "spec"},
	{Group: "apps", Kind: "StatefulSet"}: {"spec", "template", "spec"},
	{Group: "apps", Kind: "DaemonSet"}:   {"spec", "template", "spec"},
	{Group: "apps", Kind: "ReplicaSet"}:  {"spec", "template", "spec"},
	{Group: "batch", Kind: "Job"}:        {"spec", "template", "spec"},
	{Group: "batch", Kind: "CronJob"}:    {"spec", "jobTemplate", "spec", "template", "spec"},
}

// fillDefaults sets the defaults of a kind in a canonical value.
func fillDefaults(gk schema.GroupKind, o map[string]any) {
	for _, f := range fallbacks[gk] {
		f.fill(o, f.path)
	}
	if pod, ok := podPaths[gk]; ok {
		for _, f := range podFallbacks {
			f.fill(o, append(pod[:len(pod):len(pod)], f.path...))
		}
	}
	switch gk {
	case schema.GroupKind{Group: rbac, Kind: "RoleBinding"}, schema.GroupKind{Group: rbac, Kind: "ClusterRoleBinding"}:
		fillSubjects(o)
	case schema.GroupKind{Group: "apps", Kind: "StatefulSet"}:
		dropClaimStatus(o)
	}
}

func (f fallback) fill(v any, path pointer) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if len(path) > 0 {
				f.fill(item, path[1:])
			}
		}
	case map[string]any:
		if len(path) > 0 {
			f.fill(v[path[0]], path[1:])
		} else if _, ok := v[f.field]; !ok {
			v[f.field] = f.value
		}
	}
}

// fillSubjects sets the group of users and groups; a service account has none.
func fillSubjects(binding map[string]any) {
	subjects, _ := binding["subjects"].([]any)
	for _, s := range subjects {
		if subject, ok := s.(map[string]any); ok && subject["apiGroup"] == nil && subject["kind"] != "ServiceAccount" {
			subject["apiGroup"] = rbac
		}
	}
}

// dropClaimStatus takes the status out of a StatefulSet's claims: the server stores one, and its apply takes none.
func dropClaimStatus(set map[string]any) {
	spec, _ := set["spec"].(map[string]any)
	claims, _ := spec["volumeClaimTemplates"].([]any)
	for _, c := range claims {
		if claim, ok := c.(map[string]any); ok {
			delete(claim, "status")
		}
	}
}
