package invariant

import (
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// traffic: a weight above 0 goes only to a cluster whose services are all ready, weights sum to 100, all proxies have the
// same, and the share of sessions agrees with it.
func traffic(o observation) []Breach {
	if o.weight() == 0 {
		return nil
	}
	var unready []string
	for _, s := range o.e.Services {
		if s.Class != estate.Exclusive && !s.Ready {
			unready = append(unready, s.ID.String())
		}
	}
	out := breach(Traffic, "the new cluster gets traffic, and services there are not ready", unready)
	out = append(out, weights(o)...)
	if doubt := o.e.Edge.ShareDisagrees(); doubt != "" {
		out = append(out, Breach{Name: Traffic, Text: doubt, Objects: []string{o.m.Edge.Backend}})
	}
	return out
}

func weights(o observation) []Breach {
	var sums, unlike []string
	var first *evidence.Proxy
	for i, p := range o.e.Edge.Proxies {
		if p.Unreachable != "" {
			continue
		}
		if first == nil {
			first = &o.e.Edge.Proxies[i]
		}
		if p.From.Weight+p.To.Weight != 100 {
			sums = append(sums, p.Name)
		}
		if p.To.Weight != first.To.Weight {
			unlike = append(unlike, p.Name, first.Name)
		}
	}
	return append(breach(Traffic, "the weights of the two clusters do not sum to 100% at proxies", sums),
		breach(Traffic, "proxies have different weights", unlike)...)
}
