package object

// Pod is what is worth knowing of a Pod.
type Pod struct {
	Name        string
	Ready       bool
	Terminating bool
	Annotations map[string]string
}
