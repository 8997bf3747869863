package kube

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"

	"cutover/reconciler/object"
)

// Changes tells of sets whose objects changed in the cluster, at once and not more often than the receiver takes
// them. Of a set that was never asked for, and of a kind that was not, nothing is told. There is one channel for all
// callers; Close closes it.
func (k *Cluster) Changes() <-chan object.Set { return k.changing }

func (k *Cluster) forwardChanges() {
	defer close(k.changing)
	for {
		set, down := k.touched.Get()
		if down {
			return
		}
		select {
		case k.changing <- set:
		case <-k.ctx.Done():
		}
		k.touched.Done(set)
	}
}

func (k *Cluster) changes() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(obj any, initial bool) {
			if !initial {
				k.touch(obj)
			}
		},
		UpdateFunc: func(before, after any) {
			k.touch(before) // it may have lost its label
			k.touch(after)
		},
		DeleteFunc: func(obj any) {
			if last, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = last.Obj
			}
			k.touch(obj)
		},
	}
}

func (k *Cluster) touch(obj any) {
	o, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if set, ok := k.sets[o.GetLabels()[object.LabelPartOf]]; ok {
		k.touched.Add(set)
	}
	if set, ok := k.named[object.RefOf(o).Key()]; ok {
		k.touched.Add(set)
	}
}

// follow remembers a set and its objects for Changes.
func (k *Cluster) follow(set object.Set, refs []object.Ref) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sets[set.ID()] = set
	for _, ref := range refs {
		k.named[ref.Key()] = set
	}
}
