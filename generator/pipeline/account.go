package pipeline

import "strings"

// onlyRead are the stage types that name an account and change nothing there. What a stage of type pipeline does is
// told by the pipeline that it starts.
var onlyRead = map[string]bool{
	"findArtifactsFromResource": true,
	"resolveTargetManifest":     true,
	"findImageFromCluster":      true,
	"checkPreconditions":        true,
	"pipeline":                  true,
}

// DeploysTo tells whether a stage of the pipeline can change something in the Spinnaker account. A type of stage that is
// not known counts, and so does an account that is an expression: what it will be is not known before it runs. A pipeline
// that only starts others does not deploy.
func DeploysTo(d Document, account string) bool {
	stages, _ := d["stages"].([]any)
	for _, s := range stages {
		fields, _ := s.(map[string]any)
		if kind, _ := fields["type"].(string); onlyRead[kind] {
			continue
		}
		if names(fields, account) {
			return true
		}
		// Stages of type deploy, for clusters other than Kubernetes ones, list where they deploy to.
		clusters, _ := fields["clusters"].([]any)
		for _, c := range clusters {
			if cluster, _ := c.(map[string]any); names(cluster, account) {
				return true
			}
		}
	}
	return false
}

// names tells whether the account, or its older name credentials, may be this one.
func names(fields map[string]any, account string) bool {
	for _, key := range []string{"account", "credentials"} {
		if name, _ := fields[key].(string); name != "" && (name == account || strings.Contains(name, "${")) {
			return true
		}
	}
	return false
}
