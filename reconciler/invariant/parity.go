package invariant

import (
	"slices"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// parity: while both clusters get traffic they run the same versions and configuration, except what the rewrite rules
// allow. Services that break-glass lets through may be ahead until they have been brought over: their versions, and the
// files in their directories, and nothing else.
func parity(o observation) []Breach {
	if o.at.Phase < estate.Canary {
		return nil
	}
	var versions, unknown, objects []string
	for _, s := range o.e.Services {
		switch {
		case o.opened(s.ID.Name):
		case s.Running.IsZero():
			unknown = append(unknown, s.ID.String())
		case s.Running != s.Pinned:
			versions = append(versions, s.ID.String())
		case s.Class != estate.Exclusive && !runs(s):
			objects = append(objects, s.ID.String())
		}
	}
	out := breach(Parity, "the old cluster runs other versions than are pinned for the new one", versions)
	out = append(out, breach(Parity, "it cannot be read which versions the old cluster runs", unknown)...)
	out = append(out, breach(Parity, "the new cluster does not run what git names", objects)...)
	var files []string
	for _, f := range o.e.Files {
		if !o.openedPath(f.Path) {
			files = append(files, f.Path)
		}
	}
	out = append(out, breach(Parity, "generated files of the new stack are not up to date", files)...)
	return append(out, breach(Parity, "the base branch changed, and the migration's branch lacks it", behind(o))...)
}

// behind are the paths that the base branch changed, after the branch that lacks them; none if all belong to services that
// break-glass lets through. Commits that change no path count while nothing is let through.
func behind(o observation) []string {
	if o.e.Main.Behind == 0 {
		return nil
	}
	take := slices.DeleteFunc(slices.Clone(o.e.Main.Take), o.openedPath)
	for _, c := range o.e.Main.Conflicts {
		if !o.openedPath(c.Path) {
			take = append(take, c.Path)
		}
	}
	if len(take) == 0 && o.anyOpened() {
		return nil
	}
	return append([]string{o.m.Branch}, take...)
}

// openedPath says that a path is in the directory of a service that break-glass lets through.
func (o observation) openedPath(path string) bool {
	id, ok := estate.ServiceOf(path)
	return ok && id.Product == o.m.Product && !id.Name.IsZero() && o.opened(id.Name)
}

// runs says that the newest deployment brought what git names.
func runs(s evidence.Service) bool {
	return len(s.Deployments) > 0 && s.Deployments[0].Digest == s.Wanted && s.Deployments[0].Status == pipeline.Succeeded
}
