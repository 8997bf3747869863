package invariant

import (
	"fmt"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// Of the new stack's pipelines no more than obsoleteShare percent may go at once: half, whatever the configuration says, as
// nobody retires half of a product in one commit. Fewer than obsoleteFew are no share.
const (
	obsoleteShare = 50
	obsoleteFew   = 3
)

// empty: a desired state that is empty, or that would delete most of what there is, is a mistake.
func empty(o observation) []Breach {
	var out []Breach
	if o.at.Phase >= estate.Deploy && len(o.e.Services) == 0 {
		out = append(out, Breach{Name: Empty, Text: fmt.Sprintf("the desired state is empty: git names no service of stack %s", o.m.To.Stack), Objects: []string{o.m.Branch}})
	}
	var obsolete []string
	for _, p := range o.e.Pipelines {
		if p.State == evidence.PipelineObsolete {
			obsolete = append(obsolete, p.Application+"/"+p.Name)
		}
	}
	if len(obsolete) >= obsoleteFew && len(obsolete)*100 > len(o.e.Pipelines)*obsoleteShare {
		out = append(out, breach(Empty, fmt.Sprintf("git would delete %d of %d pipelines of stack %s, and at most %d%% may go at once", len(obsolete), len(o.e.Pipelines), o.m.To.Stack, obsoleteShare), obsolete)...)
	}
	return out
}
