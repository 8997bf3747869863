// Package pipeline is Spinnaker's pipeline document as plain data: its canonical JSON, the check of its stage
// graph, the mark of ownership, the freeze that keeps its state from before in the document, and the comparison of what we
// want with what Gate has.
package pipeline

// Document is a pipeline configuration as Gate takes and gives it: an object of JSON values. Pipelines have
// many shapes, and an unknown field must survive, so it stays a map; the methods read what we need of it.
type Document map[string]any

// ID is the pipeline's id, or "" if it has none.
func (d Document) ID() string { return d.text("id") }

// Application is the Spinnaker application that the pipeline belongs to.
func (d Document) Application() string { return d.text("application") }

// Name is the pipeline's name, unique within its application whatever the case of its letters.
func (d Document) Name() string { return d.text("name") }

func (d Document) text(key string) string {
	s, _ := d[key].(string)
	return s
}

// Application is a Spinnaker application: the home of one service's pipelines.
type Application struct {
	Name  string
	Email string // Gate requires one
}
