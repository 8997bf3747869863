package invariant

// trust: trust policies only gain the new principal.
func trust(o observation) []Breach {
	var lost []string
	for _, r := range o.e.Roles {
		for _, principal := range r.Lost {
			lost = append(lost, r.Name+" ("+principal+")")
		}
	}
	return breach(Trust, "roles no longer trust principals that they trusted", lost)
}
