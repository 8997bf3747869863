package reconciler

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"cutover/generator"
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/manifest"
	"cutover/reconciler/object"
)

// desired is what git names at one commit of a migration's branch.
type desired struct {
	head      string
	migration estate.Migration
	estate    *estate.Estate // with the new stack in every service that gets it
	files     generator.Files
	pending   []evidence.File // those of files that the commit lacks or has otherwise
	pipelines []generator.Pipeline
	units     []*unit // every service of the new stack, sorted by id; none before the migration has begun
	// unrendered says what was away that the units need, so that there are none; nil if it was there.
	unrendered error
	old        []generator.Pipeline // the old stack's; nil until they are asked for
}

// unit is one service of the new stack: the objects that git names for it. It is not changed once it is made.
type unit struct {
	service estate.Service
	stack   estate.ServiceStack
	mode    estate.DeployMode
	set     object.Set
	objects []object.Object // nil if err is not nil, or if no version is pinned
	digest  string
	program // of the new stack
	// old is the old stack's program, which tells what the old cluster runs: the rewrite rules may give the new one another
	// name or image. oldErr says why it is not known.
	old    program
	oldErr error
	// draft are the objects that the new cluster is asked about before a version is pinned; afterwards they are objects.
	draft    []object.Object
	unserved []string // kinds of draft that the new cluster does not serve
	err      error
}

// program is the object of a stack that runs the service's own image, and that image without its tag.
type program struct {
	workload object.Ref
	image    string
	selector map[string]string // labels of the workload's Pods
}

// unpinned stands for a version that does not matter, or that is not pinned yet: what is rendered with it only tells which
// object runs the service's image. It is a semantic version, because a chart may compare it.
var unpinned = estate.Must(estate.ParseVersion("0.0.0-cutover-unpinned"))

// desire reads a commit of a migration's branch. What the change from before does not reach is taken over from there;
// before may be nil. Its error is a *BadInput if what stands in the commit is wrong. That a cluster or a registry is away
// is no error, as traffic has to go back all the same: it leaves the units unrendered.
func (r *Reconciler) desire(ctx context.Context, branch, head string, before *desired) (*desired, error) {
	tree, err := r.Source.Tree(head)
	if err != nil {
		return nil, fmt.Errorf("read %s at %.10s: %w", branch, head, err)
	}
	base, problems := r.reader.ReadAt(tree, r.Now())
	switch err := problems.Err(); {
	case errors.Is(err, failure.ErrTransient):
		return nil, fmt.Errorf("read %s at %.10s: %w", branch, head, err)
	case err != nil:
		return nil, &BadInput{branch, head, err}
	}
	filled, unrendered := r.withCharts(ctx, branch, head, base)
	switch {
	case isBadInput(unrendered):
		return nil, unrendered
	case unrendered == nil:
		base = filled
	}
	m, ok := migrationOf(base, branch)
	if !ok {
		return nil, &BadInput{branch, head, fmt.Errorf("no migrations/*/migration.yaml names branch %s", branch)}
	}
	d := &desired{head: head, migration: m, unrendered: unrendered}
	if d.estate, d.files, err = generator.Expand(base, m); err != nil {
		return nil, &BadInput{branch, head, err}
	}
	if d.pending, err = pendingFiles(d.files, tree); err != nil {
		return nil, err
	}
	c := r.changeSince(before, d)
	if d.pipelines, err = r.makePipelines(d, c); err != nil {
		return nil, &BadInput{branch, head, err}
	}
	if m.Marker.Phase >= estate.Prepare && d.unrendered == nil {
		d.unrendered = r.renderUnits(ctx, d, c)
	}
	return d, ctx.Err()
}

// change is what a new commit changes of the one that was read before it.
type change struct {
	before *desired // nil if all has to be made anew
	paths  []string
}

func (r *Reconciler) changeSince(before, after *desired) change {
	if before == nil {
		return change{}
	}
	paths, err := r.History.Changed(before.head, after.head)
	if err != nil {
		return change{} // the commit is gone, as after a force-push: everything may have changed
	}
	return change{before, paths}
}

func (r *Reconciler) makePipelines(d *desired, c change) ([]generator.Pipeline, error) {
	m := d.migration
	if c.before != nil && !generator.Reaches(c.before.estate, d.estate, m.Product, m.To.Stack, c.paths) {
		return c.before.pipelines, nil
	}
	return generator.Pipelines(d.estate, m.Product, m.To.Stack, r.Generator)
}

// BadInput says that what a branch holds at a commit cannot be used. A person has to change git.
type BadInput struct {
	Branch, Commit string
	Err            error
}

func (b *BadInput) Error() string {
	return fmt.Sprintf("%s at %.10s: %v", b.Branch, b.Commit, b.Err)
}

func (b *BadInput) Unwrap() error { return b.Err }

// isBadInput tells whether an error is of bad input and of nothing else.
func isBadInput(err error) bool {
	switch err := err.(type) { //nolint:errorlint // errors are taken apart
	case *BadInput:
		return true
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(err.Unwrap(), func(err error) bool { return !isBadInput(err) })
	case interface{ Unwrap() error }:
		return isBadInput(err.Unwrap())
	}
	return false
}

func migrationOf(e *estate.Estate, branch string) (estate.Migration, bool) {
	for _, m := range e.Migrations {
		if m.Branch == branch {
			return m, true
		}
	}
	return estate.Migration{}, false
}

func (r *Reconciler) renderUnits(ctx context.Context, d *desired, c change) error {
	m := d.migration
	cluster, err := r.cluster(m.To.Cluster)
	if err != nil {
		return err
	}
	var caps manifest.Capabilities
	if err = r.lookAt(ctx, lookFor, func(ctx context.Context) (err error) {
		caps, err = cluster.Capabilities(ctx)
		return err
	}); err != nil {
		return fmt.Errorf("capabilities of %s: %w", m.To.Cluster, err)
	}
	kept := c.untouched(d.estate)
	product, _ := d.estate.Product(m.Product)
	stack, _ := product.Stack(m.To.Stack)
	for _, s := range d.estate.InStack(m.Product, m.To.Stack) {
		u, ok := kept[s.ServiceID]
		if !ok {
			before := r.renderer.Renders()
			u = r.renderUnit(d.estate, s, stack, m.From.Stack, caps)
			if r.renderer.Renders() > before {
				r.done.renders.Add(1)
			}
		}
		d.units = append(d.units, u)
	}
	return nil
}

// untouched are the units of the commit before that the change does not reach.
func (c change) untouched(after *estate.Estate) map[estate.ServiceID]*unit {
	kept := map[estate.ServiceID]*unit{}
	if c.before == nil {
		return kept
	}
	for _, u := range c.before.units {
		kept[u.service.ServiceID] = u
	}
	m := c.before.migration
	for _, u := range manifest.Reach(c.before.estate, after, c.paths) {
		if u.Stack == m.To.Stack || u.Stack == m.From.Stack {
			delete(kept, u.Service)
		}
	}
	return kept
}

func (r *Reconciler) cluster(name estate.ClusterName) (Cluster, error) {
	c, ok := r.Clusters[name]
	if !ok {
		return nil, fmt.Errorf("cluster %s is not in the daemon's configuration", name)
	}
	return c, nil
}

// renderUnit never fails: what is wrong with one service is the unit's own error, and stops no other.
func (r *Reconciler) renderUnit(e *estate.Estate, s estate.Service, stack estate.Stack, from estate.StackName, caps manifest.Capabilities) *unit {
	st, _ := s.Stack(stack.Name)
	u := &unit{
		service: s, stack: st, mode: stack.Deploy,
		set: object.Set{Namespace: s.Namespace.String(), Name: s.Name.String()},
	}
	old, _ := s.Stack(from)
	objects, _, err := r.render(e, s, old, unpinned, caps)
	u.old, u.oldErr = programOf(objects, unpinned), err
	if u.mode == estate.ByPipeline && len(st.Pipelines) == 0 && s.Class != estate.Exclusive {
		u.err = fmt.Errorf("%s: stack %s has no pipeline to deploy with: name one in %s/service.yaml, or say deploy: direct for the stack", s.ServiceID, stack.Name, s.Path)
		return u
	}
	if st.Version.IsZero() {
		u.draft, u.unserved, u.err = r.render(e, s, st, unpinned, caps)
		u.program = programOf(u.draft, unpinned)
		return u
	}
	u.objects, u.unserved, u.err = r.render(e, s, st, st.Version, caps)
	if u.err == nil && len(u.unserved) > 0 {
		u.err = fmt.Errorf("%s %s: the cluster does not serve %s", s.ServiceID, st.Name, u.unserved[0])
	}
	u.program = programOf(u.objects, st.Version)
	u.draft, u.digest = u.objects, digestOf(u.objects)
	if u.err != nil {
		u.objects = nil
	}
	return u
}

// render gives a service's objects of the kinds that the cluster serves, and the kinds that it does not serve.
func (r *Reconciler) render(e *estate.Estate, s estate.Service, st estate.ServiceStack, v estate.Version, caps manifest.Capabilities) ([]object.Object, []string, error) {
	in, err := manifest.NewInput(e, s, st, v, caps)
	if err != nil {
		return nil, nil, err
	}
	objects, _, err := r.renderer.Render(in)
	if err != nil {
		return nil, nil, err
	}
	objects, foreign := manifest.Localize(objects, s.Namespace.String(), caps)
	var unserved []string
	for _, u := range foreign {
		unserved = append(unserved, u.Kind.GroupVersion().String()+"/"+u.Kind.Kind)
		objects = slices.DeleteFunc(objects, func(o object.Object) bool { return o.GroupVersionKind() == u.Kind })
	}
	return objects, unserved, nil
}

// programOf finds the object that runs the service's own image: the one that carries its version.
func programOf(objects []object.Object, version estate.Version) program {
	for _, o := range objects {
		if image, ok := manifest.WorkloadImage(o, version); ok {
			return program{object.RefOf(o), image, selectorOf(o)}
		}
	}
	return program{}
}

// digestOf identifies rendered objects, so that only a change of them deploys a service again: a comment in a
// values file does not.
func digestOf(objects []object.Object) string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, o := range objects {
		// Objects come from YAML, so they always encode; sha256 never fails to write.
		_ = enc.Encode(o.Object)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

func (u *unit) refs() []object.Ref {
	refs := make([]object.Ref, 0, len(u.objects))
	for _, o := range u.objects {
		refs = append(refs, object.RefOf(o))
	}
	return refs
}
