package evidence

// Pipeline is a pipeline of the new stack, and how Gate has it.
type Pipeline struct {
	ID, Application, Name string
	State                 PipelineState
	Reason                string
}

// PipelineState says how a pipeline in Gate compares with the generated one.
type PipelineState string

// How a pipeline can compare.
const (
	PipelineSame     PipelineState = "same"
	PipelineMissing  PipelineState = "missing"
	PipelineDiffers  PipelineState = "differs"
	PipelineObsolete PipelineState = "obsolete"
	// PipelineRefused: it must not be saved, because one of its name is not ours, or Spinnaker does not take it.
	PipelineRefused PipelineState = "refused"
)
