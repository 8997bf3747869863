package phase

import (
	"fmt"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// resync is step 9: what changed on the old side since prepare is brought over. The base branch comes first, because it
// may change what all else is compared with. Trust, pipelines and generated files are kept up by their own rows.
func resync(s situation) Progress {
	for _, part := range []func(situation) Progress{mergeMain, resyncSecrets, repin} {
		if p := part(s); !p.complete() {
			return p
		}
	}
	return Progress{}
}

func mergeMain(s situation) Progress {
	main := s.e.Main
	switch {
	case len(main.Conflicts) > 0:
		var paths []string
		for _, c := range main.Conflicts {
			paths = append(paths, fmt.Sprintf("%s (%.10s here, %.10s there)", c.Path, c.Ours, c.Theirs))
		}
		return Progress{Total: len(paths), Waiting: because(MainConflict, "%s changed both on %s and on the base branch: %s; merge them by hand",
			count(len(paths), "path"), s.m.Branch, some(paths))}
	case main.Behind == 0:
		return Progress{}
	case main.Unusable != "":
		return Progress{Total: main.Behind, Waiting: because(MainUnusable, "the base branch is not merged, because %s could not be used any more: %s", s.m.Branch, main.Unusable)}
	}
	why := because(MainBehind, "%s of the base branch, which change %s, are to be merged", count(main.Behind, "commit"), count(len(main.Take), "path"))
	return Progress{Total: main.Behind, Waiting: why, Actions: []Action{{
		Verb: MergeMain, Target: s.m.Branch, Key: main.Head, Items: main.Take, Reason: why.Text, Undo: "revert the merge on " + s.m.Branch,
	}}}
}

// resyncSecrets brings over changed values too: the old side is frozen now.
func resyncSecrets(s situation) Progress {
	return makeCopies(s, evidence.SecretMissing, evidence.SecretStale, evidence.SecretDiffers)
}

// repin pins what the old cluster runs now. A version that cannot be read may be any: the migration waits for it, unless
// break-glass lets the service be ahead.
func repin(s situation) Progress {
	var changed, unknown []string
	opened := openedNow(s)
	for _, svc := range s.e.Services {
		switch {
		case svc.Running.IsZero() && opened[svc.ID.Name]:
		case svc.Running.IsZero():
			unknown = append(unknown, fmt.Sprintf("%s (%s)", svc.ID, svc.Unknown))
		case svc.Running != svc.Pinned:
			changed = append(changed, fmt.Sprintf("%s %s (pinned %s)", svc.ID, svc.Running, orNothing(svc.Pinned)))
		}
	}
	switch {
	case len(changed) > 0:
		why := because(VersionsPending, "%s in another version than is pinned: %s", count(len(changed), "service"), some(changed))
		return Progress{Total: len(changed), Waiting: why, Actions: []Action{{
			Verb: PinVersions, Target: s.m.Branch, Reason: why.Text, Undo: "revert the commit on " + s.m.Branch,
		}}}
	case len(unknown) > 0:
		return Progress{Total: len(unknown), Until: s.now.Add(glance), Waiting: because(VersionUnknown,
			"it cannot be read which version %s runs of %s: %s", s.m.From.Cluster, count(len(unknown), "service"), some(unknown))}
	}
	return Progress{}
}

func orNothing(v estate.Version) string {
	if v.IsZero() {
		return "nothing"
	}
	return v.String()
}
