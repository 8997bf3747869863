package drift

import (
	"fmt"
	"regexp"
	"slices"

	"helm.sh/helm/v3/pkg/releaseutil"

	"cutover/reconciler/object"
)

// fewMembers is the size of a set below which a share says little: of two objects, one is half.
const fewMembers = 4

// prune adds the set's members that git does not name. Finished Jobs that git has replaced do not count among those
// that the policy limits: a Job cannot be changed, so each change of one leaves another behind.
func (p *Plan) prune(set object.Set, named map[object.Ref]bool, live []object.Object, policy Policy) {
	var extras []Difference
	members := 0
	for _, o := range live {
		ref := object.RefOf(o)
		if o.GetLabels()[object.LabelPartOf] != set.ID() || ref.Key() == set.Parent().Key() {
			continue
		}
		remove := !named[ref.Key()] && !policy.ignores(ref) && o.GetDeletionTimestamp() == nil
		if remove && replacedJob(o, named) {
			p.Prune = append(p.Prune, extra(o))
			continue
		}
		members++
		if remove {
			extras = append(extras, extra(o))
		}
	}
	slices.SortFunc(extras, dependentsFirst)
	if len(extras) <= policy.mayPrune(members) {
		p.Prune = append(p.Prune, extras...)
	} else {
		reason := fmt.Sprintf("%d of %d objects would be deleted, and at most %d%% are allowed: delete them by hand or raise drift.maxPrune", len(extras), members, policy.MaxPrune)
		for _, d := range extras {
			p.Withheld = append(p.Withheld, Refusal{d.Ref, reason})
		}
	}
	slices.SortFunc(p.Prune, dependentsFirst)
}

// mayPrune is how many of a set's members may be deleted at once. A set of few may lose one, unless none may be
// deleted at all.
func (p Policy) mayPrune(members int) int {
	allowed := p.MaxPrune * members / 100
	if p.MaxPrune > 0 && members < fewMembers {
		return max(allowed, 1)
	}
	return allowed
}

// digested matches the name that the chart gives a Job: one of people's choice, and the digest of its content.
var digested = regexp.MustCompile(`^(.+)-[0-9a-f]{8}$`)

// replacedJob tells whether o is a finished Job with a successor in git: one whose name differs in the digest only.
func replacedJob(o object.Object, named map[object.Ref]bool) bool {
	ref := object.RefOf(o)
	name := digested.FindStringSubmatch(ref.Name)
	if ref.Group != "batch" || ref.Kind != "Job" || name == nil || !finished(o) {
		return false
	}
	for other := range named {
		successor := digested.FindStringSubmatch(other.Name)
		if other.Group == ref.Group && other.Kind == ref.Kind && other.Namespace == ref.Namespace && successor != nil && successor[1] == name[1] {
			return true
		}
	}
	return false
}

// finished tells whether a Job has run to its end.
func finished(job object.Object) bool {
	status, _ := job.Object["status"].(map[string]any)
	conditions, _ := status["conditions"].([]any)
	return slices.ContainsFunc(conditions, func(c any) bool {
		condition, _ := c.(map[string]any)
		return (condition["type"] == "Complete" || condition["type"] == "Failed") && condition["status"] == "True"
	})
}

// dependentsFirst orders what is deleted: against the order in which it was made.
func dependentsFirst(a, b Difference) int {
	if d := rank(b.Ref.Kind) - rank(a.Ref.Kind); d != 0 {
		return d
	}
	return a.Ref.Compare(b.Ref)
}

// rank is the place of a kind in the order in which objects are made (Helm's). Kinds that Helm does not know come
// last.
func rank(kind string) int {
	if i := slices.Index(releaseutil.InstallOrder, kind); i >= 0 {
		return i
	}
	return len(releaseutil.InstallOrder)
}
