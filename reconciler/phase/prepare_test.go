package phase_test

import (
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

var surveyScenes = []scene{
	{"the new cluster does not answer", prepare, survey(func(v *evidence.Survey) { v.Unreachable = "connection refused" }), "hold step 1: cluster-unreachable"},
	{"the new cluster is older", prepare, survey(func(v *evidence.Survey) { v.NewVersion = "v1.28.9" }), "hold step 1: version-skew"},
	{"the new cluster is four versions ahead", prepare, survey(func(v *evidence.Survey) { v.NewVersion = "v1.33.0" }), "hold step 1: version-skew"},
	{"three are fine", prepare, survey(func(v *evidence.Survey) { v.NewVersion = "1.32+" }), "advance step 0: complete"},
	{"versions that cannot be read", prepare, survey(func(v *evidence.Survey) { v.NewVersion = "new" }), "hold step 1: version-skew"},
	{"no nodes", prepare, survey(func(v *evidence.Survey) { v.Nodes, v.NodesReady = 0, 0 }), "hold step 1: nodes-unready"},
	{"too many nodes not ready", prepare, survey(func(v *evidence.Survey) { v.NodesReady = 8 }), "hold step 1: nodes-unready"},
	{"too little CPU", prepare, survey(func(v *evidence.Survey) { v.Needed.MilliCPU = 8001 }), "hold step 1: room-short"},
	{"too little memory", prepare, survey(func(v *evidence.Survey) { v.Needed.Memory = 33 << 30 }), "hold step 1: room-short"},
	{"too many Pods", prepare, survey(func(v *evidence.Survey) { v.Needed.Pods = 101 }), "hold step 1: room-short"},
	{"an infrastructure chart is not healthy", prepare, survey(func(v *evidence.Survey) { v.Releases[0].Healthy = false }), "hold step 1: release-unhealthy"},
	{"a kind is not served", prepare, survey(func(v *evidence.Survey) { v.Unserved = []string{"policy/v1beta1/PodDisruptionBudget"} }), "hold step 1: kind-unserved"},
	{"an object is rejected", prepare, survey(func(v *evidence.Survey) {
		v.Rejected = []evidence.Rejection{{Service: id("api"), Object: "Deployment core/api", Reason: "no root"}}
	}), "hold step 1: object-rejected"},
	{"the survey comes before every effect", prepare, also(survey(func(v *evidence.Survey) { v.NodesReady = 0 }), different(evidence.SecretMissing)), "hold step 1: nodes-unready"},
}

func survey(f func(*evidence.Survey)) func(*estate.Migration, *evidence.Evidence) {
	return with(func(e *evidence.Evidence) { f(&e.Survey) })
}

// different adds a key of a secret that differs.
func different(kind evidence.SecretKind) func(*estate.Migration, *evidence.Evidence) {
	return with(func(e *evidence.Evidence) {
		e.Secrets.Different = append(e.Secrets.Different,
			evidence.SecretDifference{Path: "core/api-match", Key: "MATCH_ADDR", Kind: kind},
			evidence.SecretDifference{Path: "core/api-match", Key: "OTHER", Kind: kind})
	})
}

var prepareScenes = []scene{
	{"secrets may not be copied", prepare, with(func(e *evidence.Evidence) { e.Secrets.Denied = "policy cutover lacks read" }), "hold step 2: secrets-denied"},
	{"missing secrets are copied", prepare, different(evidence.SecretMissing), "do step 2: secrets-pending\n  copy-secrets orbit-prod2: core/api-match"},
	{"an address of another phase is set", prepare, different(evidence.SecretStale), "do step 2: secrets-pending\n  copy-secrets orbit-prod2: core/api-match"},
	{"what differs is left alone before the freeze", deploy, different(evidence.SecretDiffers), "advance step 0: complete"},
	{"what only the copy has is left alone", freeze, different(evidence.SecretExtra), "advance step 0: complete"},
	{"a role trusts the new nodes", prepare, role(func(r *evidence.Role) { r.Trusts = false }), "do step 4: trust-pending\n  trust-principal orbit-events"},
	{"a role is missing", prepare, role(func(r *evidence.Role) { r.Trusts, r.Missing = false, true }), "hold step 4: role-missing"},
	{"a role's policy cannot be changed", prepare, role(func(r *evidence.Role) { r.Trusts, r.Problem = false, "it denies the principal" }), "hold step 4: role-problem"},
	{"the others are trusted all the same", prepare, with(func(e *evidence.Evidence) {
		e.Roles = []evidence.Role{{Name: "a", Missing: true}, {Name: "b"}}
	}), "do step 4: trust-pending\n  trust-principal b"},
	{"pipelines go before the file that names them", prepare, with(func(e *evidence.Evidence) {
		e.Files = []evidence.File{{Path: "stacks.yaml", State: evidence.FileDiffers}}
		e.Pipelines = []evidence.Pipeline{{ID: "1", Application: "new", Name: "deploy-prod2", State: evidence.PipelineMissing}, {ID: "2", Application: "old", Name: "deploy-prod2", State: evidence.PipelineObsolete}}
	}), "do step 3: pipelines-pending\n  delete-pipeline old/deploy-prod2 [2]"},
	{"files first", prepare, with(func(e *evidence.Evidence) {
		e.Files = []evidence.File{{Path: "a", State: evidence.FileMissing}}
		e.Pipelines = []evidence.Pipeline{{ID: "1", Application: "api", Name: "deploy-prod2", State: evidence.PipelineMissing}}
	}), "do step 3: files-pending\n  commit-files migration/eks"},
	{"then pipelines", prepare, with(func(e *evidence.Evidence) {
		e.Pipelines = []evidence.Pipeline{
			{ID: "1", Application: "api", Name: "deploy-prod2", State: evidence.PipelineMissing},
			{ID: "2", Application: "old", Name: "deploy-prod2", State: evidence.PipelineObsolete},
		}
	}), "do step 5: pipelines-pending\n  save-pipeline api/deploy-prod2 [1]\n  delete-pipeline old/deploy-prod2 [2]"},
	{"a foreign pipeline holds", prepare, with(func(e *evidence.Evidence) {
		e.Pipelines = []evidence.Pipeline{{ID: "1", Application: "api", Name: "deploy-prod2", State: evidence.PipelineRefused}}
	}), "hold step 5: pipeline-refused"},
	{"prepare complete", prepare, nil, "advance step 0: complete"},
	{"prepare does not deploy", prepare, services(service("web", estate.Stateless)), "advance step 0: complete"},
}

func role(f func(*evidence.Role)) func(*estate.Migration, *evidence.Evidence) {
	return with(func(e *evidence.Evidence) { f(&e.Roles[0]) })
}
