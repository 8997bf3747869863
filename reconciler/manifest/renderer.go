package manifest

import (
	"sync/atomic"

	"k8s.io/utils/lru"

	"cutover/gitops/estate"
	"cutover/reconciler/object"
)

// maxCharts is how many loaded charts a Renderer keeps. An estate has a handful.
const maxCharts = 32

// Renderer renders like Render, and remembers: charts that were loaded, and what inputs were rendered to. It may be
// used by many goroutines at once.
type Renderer struct {
	charts  *lru.Cache // content digest -> *loaded
	renders *lru.Cache // Input digest -> []Object, never handed out
	count   atomic.Int64
}

// NewRenderer makes a Renderer that keeps the objects of the given number of inputs, those used last.
func NewRenderer(renders int) *Renderer {
	return &Renderer{charts: lru.New(maxCharts), renders: lru.New(renders)}
}

// Render gives what the function Render gives, and tells whether it was remembered. The objects are the caller's own,
// to change as it likes. An input that fails is tried again each time.
func (r *Renderer) Render(in Input) (objects []object.Object, cached bool, err error) {
	digest := in.Digest()
	if kept, ok := r.renders.Get(digest); ok {
		return copyObjects(kept.([]object.Object)), true, nil
	}
	r.count.Add(1)
	objects, err = render(in, r.load)
	if err != nil {
		return nil, false, err
	}
	r.renders.Add(digest, copyObjects(objects))
	return objects, false, nil
}

// Renders is how often templates were run since the Renderer was made.
func (r *Renderer) Renders() int64 { return r.count.Load() }

func (r *Renderer) load(c estate.Chart) (*loaded, error) {
	digest := chartDigest(c)
	if kept, ok := r.charts.Get(digest); ok {
		return kept.(*loaded), nil
	}
	l, err := load(c)
	if err != nil {
		return nil, err
	}
	r.charts.Add(digest, l)
	return l, nil
}

func copyObjects(objects []object.Object) []object.Object {
	out := make([]object.Object, len(objects))
	for i, o := range objects {
		out[i] = o.DeepCopy()
	}
	return out
}
