package object

// Pod is what is worth knowing of a Pod.
type Pod struct {
	Name        string
	Ready       bool
	Terminating bool
	Scheduled   bool // it has a node
	Annotations map[string]string
}
