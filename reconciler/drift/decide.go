package drift

import (
	"errors"
	"fmt"
	"strings"

	"cutover/reconciler/object"
)

// Plan is what to write so that a set is as git has it.
type Plan struct {
	Apply   []Difference `json:"apply,omitempty"`   // missing and changed objects, in git's order
	Prune   []Difference `json:"prune,omitempty"`   // extra objects, dependents first
	Refused []Refusal    `json:"refused,omitempty"` // in git's order
	// Withheld are extra objects that are not deleted because there are too many of them; dependents first.
	Withheld []Refusal `json:"withheld,omitempty"`
	Same     int       `json:"same"` // objects that are as git has them
}

// Empty tells whether everything is as git has it.
func (p Plan) Empty() bool {
	return len(p.Apply)+len(p.Prune)+len(p.Refused)+len(p.Withheld) == 0
}

// Refusal is an object that is not written although it is not as git has it.
type Refusal struct {
	Ref    object.Ref `json:"object"`
	Reason string     `json:"reason"`
}

// ErrEmpty says that git names no object for the set: more likely a fault than a wish, so nothing is planned.
var ErrEmpty = errors.New("git names no objects")

// applicationAnnotation is how Spinnaker marks what it deployed, with the service's name.
const applicationAnnotation = "moniker.spinnaker.io/application"

// Decide compares what git names for a set with what the cluster holds of it. An object that exists is changed
// only if it is a member of the set, or of no set and deployed by Spinnaker for the service of the set's name.
// Members that git does not name are pruned if the live list is complete; never the set's parent, and not when they
// are more than the policy allows.
func Decide(set object.Set, desired []object.Object, live object.Live, p Policy) (Plan, error) {
	if len(desired) == 0 {
		return Plan{}, fmt.Errorf("%s: %w", set, ErrEmpty)
	}
	lives := make(map[object.Ref]object.Object, len(live.Objects))
	for _, o := range live.Objects {
		lives[object.RefOf(o).Key()] = o
	}
	scaled := scaleTargets(desired)
	named := make(map[object.Ref]bool, len(desired))
	var plan Plan
	for _, o := range desired {
		ref := object.RefOf(o)
		if named[ref.Key()] {
			return Plan{}, fmt.Errorf("%s: git names %s twice", set, ref)
		}
		named[ref.Key()] = true
		plan.add(set, prepared(o, set), lives[ref.Key()], p, scaled[ref.Key()])
	}
	if live.Complete {
		plan.prune(set, named, live.Objects, p)
	}
	return plan, nil
}

// add decides about one object that git names. have is nil if the cluster does not have it.
func (p *Plan) add(set object.Set, want, have object.Object, policy Policy, scaled bool) {
	ref := object.RefOf(want)
	exempt := policy.exempt(ref)
	if scaled {
		exempt = append(exempt, replicas)
	}
	refuse := func(reason string) { p.Refused = append(p.Refused, Refusal{ref, reason}) }
	switch {
	case policy.ignores(ref):
		p.Same++
		return
	case ref.Key() == set.Parent().Key():
		refuse("this name is kept for the set's own ConfigMap: choose another")
		return
	case have == nil:
		if scaled {
			replicas.settle(want.Object, nil)
		}
		if _, err := canonical(want, true); err != nil {
			refuse(err.Error())
			return
		}
		p.Apply = append(p.Apply, missing(want))
		return
	}
	if reason := untouchable(set, want, have); reason != "" {
		refuse(reason)
		return
	}
	c, err := compare(want, have, policy.Manager, exempt)
	if err != nil {
		refuse(err.Error())
		return
	}
	d, differs, err := c.difference()
	if err != nil {
		refuse(err.Error())
		return
	}
	if !differs {
		p.Same++
		return
	}
	d.Ref, d.Object = ref, c.payload(want, have, exempt)
	p.Apply = append(p.Apply, d)
}

// untouchable says why a live object may not be changed, or "" if it may.
func untouchable(set object.Set, want, have object.Object) string {
	switch owner := have.GetLabels()[object.LabelPartOf]; {
	case have.GetDeletionTimestamp() != nil:
		return "it is being deleted: it is made again once it is gone"
	case want.GetAPIVersion() != have.GetAPIVersion():
		return fmt.Sprintf("it was read as %s, but git has %s: read it in git's version", have.GetAPIVersion(), want.GetAPIVersion())
	case owner == set.ID():
		return ""
	case owner != "":
		return "it belongs to another ApplySet, " + owner + ": remove it from git or from that set"
	case have.GetAnnotations()[applicationAnnotation] == set.Name:
		return ""
	default:
		return "it exists and is not ours: delete it, or label it " + object.LabelPartOf + "=" + set.ID() + " to hand it over"
	}
}

// replicas is the field that belongs to an autoscaler, if there is one.
var replicas = pointer{"spec", "replicas"}

// scaleTargets lists what the desired autoscalers scale.
func scaleTargets(desired []object.Object) map[object.Ref]bool {
	targets := map[object.Ref]bool{}
	for _, o := range desired {
		ref := object.RefOf(o)
		if ref.Group != "autoscaling" || ref.Kind != "HorizontalPodAutoscaler" {
			continue
		}
		spec, _ := o.Object["spec"].(map[string]any)
		target, _ := spec["scaleTargetRef"].(map[string]any)
		version, _ := target["apiVersion"].(string)
		kind, _ := target["kind"].(string)
		name, _ := target["name"].(string)
		group, _, grouped := strings.Cut(version, "/")
		if !grouped {
			group = ""
		}
		targets[object.Ref{Group: group, Kind: kind, Namespace: ref.Namespace, Name: name}] = true
	}
	return targets
}
