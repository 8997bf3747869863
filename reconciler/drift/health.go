package drift

import (
	"strings"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"

	"cutover/reconciler/object"
)

// Status is the health of an object or of a set, in the words of kstatus.
type Status = status.Status

// The statuses, best first.
const (
	Current     = status.CurrentStatus     // as its specification says
	InProgress  = status.InProgressStatus  // on its way there
	Terminating = status.TerminatingStatus // being deleted
	Unknown     = status.UnknownStatus     // its status cannot be understood
	Failed      = status.FailedStatus      // cannot get there
)

var severity = map[Status]int{Current: 0, InProgress: 1, Terminating: 2, Unknown: 3, Failed: 4}

// Health is the worst status among live objects, and which object has it and why. Of no objects it is Current.
func Health(objects []object.Object) (worst Status, reason string) {
	worst = Current
	for _, o := range objects {
		s, message := healthOf(o)
		if severity[s] > severity[worst] {
			worst, reason = s, object.RefOf(o).String()+": "+message
		}
	}
	return worst, reason
}

func healthOf(o object.Object) (Status, string) {
	// Istio reports configuration analysis in conditions of its own, which say nothing of readiness.
	if group := o.GroupVersionKind().Group; strings.HasSuffix(group, ".istio.io") && o.GetDeletionTimestamp() == nil {
		return Current, ""
	}
	result, err := status.Compute(o)
	if err != nil {
		return Unknown, err.Error()
	}
	return result.Status, result.Message
}
