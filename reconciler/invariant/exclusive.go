package invariant

import "cutover/gitops/estate"

// exclusive: no service of that class has a Pod in both clusters, terminating ones too.
func exclusive(o observation) []Breach {
	var both []string
	for _, s := range o.e.Services {
		if s.Class == estate.Exclusive && s.OldPods > 0 && s.NewPods > 0 {
			both = append(both, s.ID.String())
		}
	}
	return breach(Exclusive, "exclusive services have Pods in both clusters", both)
}
