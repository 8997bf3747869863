package world

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/drift"
	"cutover/reconciler/failure"
	"cutover/reconciler/manifest"
	"cutover/reconciler/object"
)

// execution is one run of a pipeline.
type execution struct {
	pipeline.Execution
	parameters map[string]string
	by         string
	mark       pipeline.Ownership
}

// How long an execution takes: from the trigger to the deployment, between two looks at what it deployed, and until
// it gives up.
const (
	bakeTime   = 20 * time.Second
	stableLook = 5 * time.Second
	stableMost = 10 * time.Minute
)

// run starts an execution.
func (w *World) run(d pipeline.Document, t pipeline.Trigger, by string) (*execution, error) {
	if disabled, _ := d["disabled"].(bool); disabled {
		return nil, fmt.Errorf("%w: pipeline %s is disabled", failure.ErrRefused, d.Name())
	}
	parameters := maps.Clone(t.Parameters)
	if parameters == nil {
		parameters = map[string]string{}
	}
	declared, _ := d["parameterConfig"].([]any)
	for _, p := range declared {
		p, _ := p.(map[string]any)
		name, _ := p["name"].(string)
		if _, given := parameters[name]; given {
			continue
		}
		if value, ok := p["default"].(string); ok {
			parameters[name] = value
		} else if p["required"] == true {
			return nil, fmt.Errorf("%w: parameter %s is missing", failure.ErrRefused, name)
		}
	}
	mark, _ := pipeline.OwnedBy(d)
	x := &execution{Execution: pipeline.Execution{
		ID: w.id("01EXEC"), Application: d.Application(), PipelineID: d.ID(), CorrelationID: t.CorrelationID,
		Status: pipeline.Running, Started: w.now,
	}, parameters: parameters, by: by, mark: mark}
	w.spinnaker.executions = append(w.spinnaker.executions, x)
	switch {
	case refuses(d):
		x.end(w, pipeline.Terminal, "Not frozen: the precondition failed")
	case !deploys(d) && waits(d) == 0:
		x.end(w, pipeline.Succeeded, "")
	case !deploys(d):
		w.after(waits(d), "execution "+x.ID+" has waited", func() { x.end(w, pipeline.Succeeded, "") })
	default:
		w.after(bakeTime+time.Duration(w.rng.Int64N(int64(40*time.Second))), "execution "+x.ID+" deploys", func() { w.deploy(x) })
	}
	return x, nil
}

// refuses tells whether a precondition of the pipeline is simply false.
func refuses(d pipeline.Document) bool {
	return anyStage(d, func(stage map[string]any) bool {
		list, _ := stage["preconditions"].([]any)
		for _, p := range list {
			p, _ := p.(map[string]any)
			c, _ := p["context"].(map[string]any)
			if c["expression"] == "false" {
				return true
			}
		}
		return false
	})
}

// waits is how long the pipeline's stages wait.
func waits(d pipeline.Document) time.Duration {
	var sum time.Duration
	anyStage(d, func(stage map[string]any) bool {
		seconds, _ := stage["waitTime"].(float64)
		sum += time.Duration(seconds) * time.Second
		return false
	})
	return sum
}

func deploys(d pipeline.Document) bool {
	return anyStage(d, func(stage map[string]any) bool { return stage["type"] == "deployManifest" })
}

func anyStage(d pipeline.Document, is func(map[string]any) bool) bool {
	stages, _ := d["stages"].([]any)
	for _, s := range stages {
		if s, ok := s.(map[string]any); ok && is(s) {
			return true
		}
	}
	return false
}

func (x *execution) end(w *World, status pipeline.Status, reason string) {
	if x.Status.Complete() {
		return
	}
	x.Status, x.Reason, x.Ended = status, reason, w.now
	w.trace("execution %s of %s: %s %s", x.ID, x.Application, status, reason)
}

// deploy applies what the execution's commit makes of the service.
func (w *World) deploy(x *execution) {
	if x.Status.Complete() {
		return
	}
	if w.chance(w.failures) {
		x.end(w, pipeline.Terminal, "Bake: the registry does not answer")
		return
	}
	commit, err := w.revision(x.parameters["valuesBranch"])
	if err != nil {
		x.end(w, pipeline.Terminal, "Bake: "+err.Error())
		return
	}
	objects, stack, err := w.render(commit, x.mark, x.parameters["version"])
	if err != nil {
		x.end(w, pipeline.Terminal, "Bake: "+err.Error())
		return
	}
	c := w.clusters[stack.Cluster.String()]
	for _, o := range objects {
		if !c.hasNamespace(o.GetNamespace()) {
			x.end(w, pipeline.Terminal, "Deploy: namespaces \""+o.GetNamespace()+"\" not found")
			return
		}
	}
	for _, o := range objects {
		c.deployed(o, x.Application)
	}
	w.trace("execution %s deploys %s %s to %s", x.ID, x.Application, x.parameters["version"], c.name)
	if w.chance(w.failures) {
		x.end(w, pipeline.Terminal, "Deploy: clouddriver does not answer")
		return
	}
	w.awaitStable(x, c, objects, w.now.Add(stableMost))
}

// awaitStable ends the execution once what it deployed is healthy.
func (w *World) awaitStable(x *execution, c *cluster, objects []object.Object, until time.Time) {
	var live []object.Object
	for _, o := range objects {
		if l, ok := c.objects[object.RefOf(o).Key()]; ok {
			live = append(live, l.object)
		}
	}
	status, why := drift.Health(live)
	switch {
	case status == drift.Current:
		x.end(w, pipeline.Succeeded, "")
	case w.now.After(until):
		x.end(w, pipeline.Terminal, "Deploy: not stable: "+why)
	default:
		w.after(stableLook, "execution "+x.ID+" looks", func() {
			if !x.Status.Complete() {
				w.awaitStable(x, c, objects, until)
			}
		})
	}
}

// revision is the commit that a branch's name or a hash stands for.
func (w *World) revision(name string) (*commit, error) {
	if c, ok := w.git.commits[name]; ok {
		return c, nil
	}
	return w.git.head(name)
}

// renders are what was rendered, for all worlds.
var renders sync.Map // of rendered, by renderKey

type renderKey struct{ tree, product, service, stack, version string }

type rendered struct {
	objects []object.Object // shared: nobody changes them
	stack   estate.Stack
	err     error
}

// render makes the objects of the service and stack that a mark names, at a commit. They are not to be changed.
func (w *World) render(c *commit, mark pipeline.Ownership, version string) ([]object.Object, estate.Stack, error) {
	key := renderKey{c.tree.digest, mark.Product, mark.Service, mark.Stack, version}
	found, ok := renders.Load(key)
	if !ok {
		objects, stack, err := renderNew(c, mark, version)
		found, _ = renders.LoadOrStore(key, rendered{objects, stack, err})
	}
	r := found.(rendered)
	return r.objects, r.stack, r.err
}

func renderNew(c *commit, mark pipeline.Ownership, version string) ([]object.Object, estate.Stack, error) {
	e, problems := readEstate(c.tree)
	if err := problems.Err(); err != nil {
		return nil, estate.Stack{}, err
	}
	for _, s := range e.Services {
		st, ok := findStack(s, mark)
		if !ok {
			continue
		}
		p, _ := e.Product(s.Product)
		stack, _ := p.Stack(st.Name)
		v, err := estate.ParseVersion(version)
		if err != nil {
			return nil, stack, err
		}
		in, err := manifest.NewInput(e, s, st, v, capabilities)
		if err != nil {
			return nil, stack, err
		}
		objects, _, err := renderer.Render(in)
		if err != nil {
			return nil, stack, err
		}
		objects, _ = manifest.Localize(objects, s.Namespace.String(), capabilities)
		return objects, stack, nil
	}
	return nil, estate.Stack{}, fmt.Errorf("%w: service %s has no stack %s at %.10s", failure.ErrNotFound, mark.Service, mark.Stack, c.Hash)
}

// findStack is a service's entry for the stack of a mark, if the mark is the service's.
func findStack(s estate.Service, mark pipeline.Ownership) (estate.ServiceStack, bool) {
	for _, st := range s.Stacks {
		if s.Product.String() == mark.Product && s.Name.String() == mark.Service && st.Name.String() == mark.Stack {
			return st, true
		}
	}
	return estate.ServiceStack{}, false
}

// renderer remembers what it rendered, for all worlds.
var renderer = manifest.NewRenderer(4096)
