package invariant

import (
	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// parity: while both clusters get traffic they run the same versions and configuration, except what the rewrite rules
// allow. Services that break-glass lets through may be ahead until they have been brought over.
func parity(o observation) []Breach {
	if o.at.Phase < estate.Canary {
		return nil
	}
	var versions, objects []string
	for _, s := range o.e.Services {
		switch {
		case o.opened(s.ID.Name):
		case !s.Running.IsZero() && s.Running != s.Pinned:
			versions = append(versions, s.ID.String())
		case s.Class != estate.Exclusive && !runs(s):
			objects = append(objects, s.ID.String())
		}
	}
	out := breach(Parity, "the old cluster runs other versions than are pinned for the new one", versions)
	out = append(out, breach(Parity, "the new cluster does not run what git names", objects)...)
	if o.anyOpened() {
		return out
	}
	var files []string
	for _, f := range o.e.Files {
		files = append(files, f.Path)
	}
	out = append(out, breach(Parity, "generated files of the new stack are not up to date", files)...)
	if o.e.Main.Behind > 0 {
		out = append(out, breach(Parity, "the base branch changed, and the migration's branch lacks it", append([]string{o.m.Branch}, o.e.Main.Take...))...)
	}
	return out
}

// runs says that the newest deployment brought what git names.
func runs(s evidence.Service) bool {
	return len(s.Deployments) > 0 && s.Deployments[0].Digest == s.Wanted && s.Deployments[0].Status == pipeline.Succeeded
}
