package generator

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"cutover/generator/pipeline"
)

// Verb says what a Change does.
type Verb int

const (
	// Create saves a pipeline that does not exist.
	Create Verb = iota + 1
	// Update saves a pipeline over what Gate has.
	Update
	// Delete removes a pipeline that carries our mark and is no longer wanted.
	Delete
	// Keep does nothing: Gate has what is wanted.
	Keep
	// Refuse does nothing, because it would change a pipeline that is not ours. A person must decide.
	Refuse
)

var verbNames = [...]string{Create: "create", Update: "update", Delete: "delete", Keep: "keep", Refuse: "refuse"}

func (v Verb) String() string {
	if v < Create || v > Refuse {
		return ""
	}
	return verbNames[v]
}

// MarshalText writes the verb as people read it.
func (v Verb) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Change is one pipeline and what is to be done about it.
type Change struct {
	Verb        Verb              `json:"verb"`
	ID          string            `json:"id"`
	Application string            `json:"application"`
	Name        string            `json:"name"`
	Reason      string            `json:"reason"`
	Diff        string            `json:"diff,omitempty"` // unified YAML, credentials hidden; "" for Keep and Refuse
	Document    pipeline.Document `json:"-"`              // what to save; nil unless Create or Update
}

// Plan compares the wanted pipelines of a stack with the pipelines that Gate has in their applications, and returns
// a Change for each: first the deletes and renames that free a name which another pipeline is to have, then creates,
// updates, other deletes, keeps and refusals; each sorted by application, name and id. Obeying it makes the next plan keep all.
//
// Only a pipeline that carries the mark of this estate is changed, and only one of a wanted stack is deleted. It is
// an error if nothing is wanted, or if more than Options.MaxDelete percent of the stack's pipelines would be
// deleted: both mean that an estate was read wrongly far more often than that somebody wants it.
func Plan(want []Pipeline, have []pipeline.Document, o Options) ([]Change, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if len(want) == 0 {
		return nil, errors.New("no pipeline is wanted: refusing to delete all")
	}
	p := &planner{
		options: o,
		byID:    make(map[string]pipeline.Document), byName: make(map[string]pipeline.Document),
		wanted: make(map[string]bool), stacks: make(map[stackKey]bool), makesRoom: make(map[string]bool),
	}
	for _, d := range have {
		p.byID[d.ID()], p.byName[nameKey(d)] = d, d
	}
	for _, w := range want {
		p.wanted[w.Document.ID()] = true
		p.stacks[stackKey{w.Service.Product.String(), w.Stack.String()}] = true
	}
	for _, w := range want {
		p.save(w)
	}
	if err := p.remove(have); err != nil {
		return nil, err
	}
	slices.SortFunc(p.changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(p.rank(a), p.rank(b)), cmp.Compare(a.Application, b.Application), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return p.changes, nil
}

type stackKey struct{ product, stack string }

type planner struct {
	options      Options
	byID, byName map[string]pipeline.Document // what Gate has
	wanted       map[string]bool              // ids
	stacks       map[stackKey]bool            // that are planned
	makesRoom    map[string]bool              // ids whose delete or update lets another pipeline have their old name
	changes      []Change
}

func (p *planner) rank(c Change) int {
	if p.makesRoom[c.ID] {
		return 0
	}
	return int(c.Verb)
}

// ours tells whether a pipeline carries the mark of this estate, and of a stack that is planned.
func (p *planner) ours(d pipeline.Document) (estate, stack bool) {
	mark, ok := pipeline.OwnedBy(d)
	estate = ok && mark.Estate == p.options.Estate
	return estate, estate && p.stacks[stackKey{mark.Product, mark.Stack}]
}

// save decides about a wanted pipeline.
func (p *planner) save(w Pipeline) {
	d := w.Document
	c := Change{ID: d.ID(), Application: d.Application(), Name: d.Name(), Document: d}
	if other, taken := p.byName[nameKey(d)]; taken && other.ID() != d.ID() && !p.goesAway(other) {
		p.refuse(c, fmt.Sprintf("pipeline %s has this name and %s", other.ID(), p.whose(other)))
		return
	}
	old, exists := p.byID[d.ID()]
	if !exists {
		c.Verb, c.Reason, c.Diff = Create, "does not exist", pipeline.Diff(d, nil)
		p.changes = append(p.changes, c)
		return
	}
	// A save overwrites whatever has the id, in any application.
	if ours, _ := p.ours(old); !ours || old.Application() != d.Application() {
		p.refuse(c, fmt.Sprintf("pipeline %q of application %q has this id and %s", old.Name(), old.Application(), p.whose(old)))
		return
	}
	if c.Diff = pipeline.Diff(d, old); c.Diff == "" {
		c.Verb, c.Reason, c.Document = Keep, "is as it should be", nil
	} else {
		c.Verb, c.Reason = Update, "differs from what its template says"
	}
	p.changes = append(p.changes, c)
}

func (p *planner) refuse(c Change, why string) {
	c.Verb, c.Document, c.Reason = Refuse, nil, why+": rename or delete it, or give it back its mark"
	p.changes = append(p.changes, c)
}

func (p *planner) whose(d pipeline.Document) string {
	mark, ok := pipeline.OwnedBy(d)
	if !ok {
		return "carries no mark of ours"
	}
	return fmt.Sprintf("carries the mark of %s/%s/%s %s %s in estate %s", mark.Product, mark.Namespace, mark.Service, mark.Stack, mark.Template, mark.Estate)
}

// goesAway tells whether this plan deletes or renames a pipeline, and so frees its name.
func (p *planner) goesAway(d pipeline.Document) bool {
	_, planned := p.ours(d)
	if planned {
		p.makesRoom[d.ID()] = true
	}
	return planned
}

// remove decides about what Gate has and nobody wants.
func (p *planner) remove(have []pipeline.Document) error {
	owned, deleted := 0, 0
	for _, d := range have {
		if _, planned := p.ours(d); !planned {
			continue
		}
		if owned++; p.wanted[d.ID()] {
			continue
		}
		deleted++
		p.changes = append(p.changes, Change{
			Verb: Delete, ID: d.ID(), Application: d.Application(), Name: d.Name(),
			Reason: "no service and template make it any more", Diff: pipeline.Diff(nil, d),
		})
	}
	limit := p.options.MaxDelete
	if limit == 0 {
		limit = DefaultMaxDelete
	}
	if deleted*100 > limit*owned {
		return fmt.Errorf("%d of %d pipelines would be deleted, more than %d percent: refusing all of it; raise the limit if this is wanted", deleted, owned, limit)
	}
	return nil
}
