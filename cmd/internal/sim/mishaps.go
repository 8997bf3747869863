package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/object"
	"cutover/reconciler/phase"
	"cutover/reconciler/world"
)

// insist lets developers try to merge their pull requests, again and again while somebody blocks them.
func (p *people) insist() {
	now := p.w.Now()
	for _, number := range slices.Sorted(maps.Keys(p.wanted)) {
		if now.Before(p.wanted[number]) {
			continue
		}
		p.wanted[number] = now.Add(time.Duration(1+p.rng.IntN(10)) * time.Minute)
		if p.w.Merge("dana", number, p.method()) == nil {
			delete(p.wanted, number)
		}
	}
}

// chore is one more thing that people do on their own.
func (p *people) chore() {
	if next, ok := phase.Following(&p.m, p.marker()); ok && p.rng.IntN(2) == 0 {
		next.Paused = "after lunch"
		p.move(next, "Go on later")
		return
	}
	service := []string{"profile", "media"}[p.rng.IntN(2)] // gets many objects, or loses them
	path := fmt.Sprintf("deploy-values/orbit/%s/%s/prod-values.yaml", namespaceOf(service), service)
	data := p.w.File(world.Main, path)
	without := dropLine(data, "pages:")
	if len(without) == len(data) {
		without = append(slices.Clone(without), "pages: 4\n"...)
	}
	_, _ = p.w.Push("dana", world.Main, []estate.File{{Path: path, Data: without}}, nil, "Other pages of "+service)
}

// mishap is one thing that goes wrong around the new cluster and its edge.
func (p *people) mishap() {
	to, while := p.m.To.Cluster, time.Duration(60+p.rng.IntN(1200))*time.Second
	service := []string{"profile", "media", "api", "match"}[p.rng.IntN(4)]
	switch p.rng.IntN(4) {
	case 0:
		p.w.ReloadAll()
	case 1:
		p.w.LoseNodes(1+p.rng.IntN(4), while)
	case 2:
		p.w.Reject(to, object.Ref{Group: "apps", Kind: "Deployment", Namespace: namespaceOf(service), Name: service}, "a policy forbids it", while)
	case 3:
		for _, proxy := range p.m.Edge.Proxies {
			p.w.Stray(proxy, 0.5, while)
		}
	}
}
