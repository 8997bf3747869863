package phase

// trustPrincipal is step 4: every role can be assumed by the new cluster's nodes.
func trustPrincipal(s situation) Progress {
	p := Progress{Total: len(s.e.Roles)}
	for _, r := range s.e.Roles {
		switch {
		case r.Missing:
			p.wait(because(RoleMissing, "role %s does not exist", r.Name), p.Until)
		case r.Trusts:
			p.Done++
		case r.Problem != "":
			p.wait(because(RoleProblem, "the trust policy of role %s cannot be changed: %s", r.Name, r.Problem), p.Until)
		default:
			p.Actions = append(p.Actions, Action{
				Verb: TrustPrincipal, Target: r.Name, Key: s.m.Trust.Principal,
				Reason: "it does not trust " + s.m.Trust.Principal,
				Undo:   "remove the principal from the trust policy, and nothing else",
			})
		}
	}
	if len(p.Actions) > 0 {
		p.Waiting = because(TrustPending, "%s trust the new nodes not yet", count(len(p.Actions), "role"))
	}
	return p
}
