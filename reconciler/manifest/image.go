package manifest

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover/gitops/estate"
	"cutover/reconciler/object"
)

// podSpecs say where the kinds that run Pods keep the Pod's spec.
var podSpecs = map[string][]string{
	"Deployment.apps":  {"spec", "template", "spec"},
	"StatefulSet.apps": {"spec", "template", "spec"},
	"DaemonSet.apps":   {"spec", "template", "spec"},
	"Job.batch":        {"spec", "template", "spec"},
	"CronJob.batch":    {"spec", "jobTemplate", "spec", "template", "spec"},
}

// WorkloadVersion gives the tag that a workload's container of an image carries: its version. The image is named
// without a tag. It is false for an object that runs no Pods, that does not run the image, or that names it by
// digest alone.
func WorkloadVersion(o object.Object, image string) (estate.Version, bool) {
	for _, full := range images(o) {
		name, tag := splitImage(full)
		if name != image {
			continue
		}
		if version, err := estate.ParseVersion(tag); err == nil {
			return version, true
		}
	}
	return estate.Version{}, false
}

// WorkloadImage gives the image that a workload runs at a version, without its tag. It is false for an object that
// runs no Pods, or none of that version.
func WorkloadImage(o object.Object, version estate.Version) (string, bool) {
	for _, full := range images(o) {
		if name, tag := splitImage(full); tag == version.String() {
			return name, true
		}
	}
	return "", false
}

// images are the images of a workload's containers, in their order, then of its init containers.
func images(o object.Object) []string {
	at, ok := podSpecs[kindAndGroup(o.GroupVersionKind())]
	if !ok {
		return nil
	}
	var out []string
	for _, field := range []string{"containers", "initContainers"} {
		containers, _, _ := unstructured.NestedSlice(o.Object, append(at[:len(at):len(at)], field)...)
		for _, c := range containers {
			container, _ := c.(map[string]any)
			if full, ok := container["image"].(string); ok {
				out = append(out, full)
			}
		}
	}
	return out
}

// splitImage takes "registry:5000/team/app:1.2@sha256:..." apart into "registry:5000/team/app" and "1.2". A colon
// before the last slash belongs to the registry's port.
func splitImage(image string) (name, tag string) {
	image, _, _ = strings.Cut(image, "@")
	colon := strings.LastIndexByte(image, ':')
	if colon < 0 || colon < strings.LastIndexByte(image, '/') {
		return image, ""
	}
	return image[:colon], image[colon+1:]
}
