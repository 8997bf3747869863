package evidence

import (
	"slices"

	"cutover/gitops/estate"
)

// Evidence is what was observed of the world for one migration.
type Evidence struct {
	Marker     Marker
	Survey     Survey                 // step 1
	Secrets    Secrets                // steps 2 and 9
	Files      []File                 // step 3: generated files that the branch should have otherwise
	Roles      []Role                 // step 4
	Pipelines  []Pipeline             // step 5: every pipeline of the new stack, and those that are one no longer
	Namespaces []estate.NamespaceName // step 6: namespaces that the new cluster lacks
	Services   []Service              // steps 6 and 10: every service of the new stack
	Smoke      []Smoke                // steps 7 and 12
	Freeze     Freeze                 // step 8
	Main       Main                   // step 9
	Links      []Link                 // step 11
	Silences   []Silence              // step 13: those that carry the migration's mark
	Edge       Edge                   // steps 14 and 15
	Unseen     []Unseen               // systems that could not be looked at
}

// What is looked at, as Unseen names it, where a decision asks for it.
const (
	TheObjects    = "what the services are made of"
	TheServices   = "services"
	TheOldCluster = "the old cluster"
	TheSingletons = "singletons"
	ThePipelines  = "pipelines"
	TheFreeze     = "the freeze"
	TheEdge       = "the edge"
)

// IsUnseen says that one of these could not be looked at.
func (e *Evidence) IsUnseen(what ...string) bool {
	return slices.ContainsFunc(e.Unseen, func(u Unseen) bool { return slices.Contains(what, u.What) })
}

// Unseen is a system that could not be looked at: what the evidence says of it is nothing.
type Unseen struct {
	What   string // such as "secrets"
	Reason string
}
