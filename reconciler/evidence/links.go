package evidence

import "cutover/gitops/estate"

// Link is a client of a singleton, and which instance of it the client's Pods talk to (steps 11 and 17).
type Link struct {
	Singleton estate.ServiceName
	Client    estate.ServiceID
	Secret    string // name of the Kubernetes Secret with the address
	Key       string
	// Old and New tell where the Secret of each cluster points.
	Old, New Target
	// Mark is what the Pods carry that began with New since the clients were last pointed elsewhere.
	Mark string
	// Stale counts the new cluster's Pods of the client that do not carry Mark, so that they may have begun with another
	// address, and Pods all of them. Terminating Pods do not count: they get no traffic.
	Stale, Pods int
}

// Target is one of a singleton's two instances. Addresses are compared, never shown.
type Target string

// Where an address can point. TargetUnknown: to neither, or there is no address.
const (
	TargetOld     Target = "old"
	TargetNew     Target = "new"
	TargetUnknown Target = "unknown"
)
