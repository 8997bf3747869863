package invariant

// singleton: all Pods of a client that receive traffic, in both clusters, talk to one instance. Pods of the new cluster
// receive none at weight 0, and may then talk to whichever they like.
func singleton(o observation) []Breach {
	if o.weight() == 0 {
		return nil
	}
	var split []string
	for _, l := range o.e.Links {
		if l.Pods > 0 && (l.New != l.Old || l.Stale > 0) {
			split = append(split, l.Client.String())
		}
	}
	return breach(Singleton, "clients of a singleton get traffic in both clusters and do not all talk to the same instance", split)
}
