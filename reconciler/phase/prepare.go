package phase

import (
	"slices"

	"cutover/reconciler/evidence"
)

// writeValues is step 3: the files that the generator gives stand on the branch. Pipelines that they will no longer name
// are deleted first: afterwards nothing would tell that they were ours to delete.
func writeValues(s situation) Progress {
	m, e := s.m, s.e
	if len(e.Files) == 0 {
		return Progress{}
	}
	pipelines := addPipelines(s)
	pipelines.Actions = slices.DeleteFunc(pipelines.Actions, func(a Action) bool { return a.Verb != DeletePipeline })
	if len(pipelines.Actions) > 0 {
		return pipelines
	}
	counts := map[evidence.FileState]int{}
	for _, f := range e.Files {
		counts[f.State]++
	}
	why := because(FilesPending, "%d generated files are missing, %d differ, %d are obsolete",
		counts[evidence.FileMissing], counts[evidence.FileDiffers], counts[evidence.FileObsolete])
	return Progress{
		Total:   len(e.Files),
		Waiting: why,
		Actions: []Action{{
			Verb:   CommitFiles,
			Target: m.Branch,
			Reason: why.Text,
			Undo:   "revert the commit on " + m.Branch,
		}},
	}
}

// addPipelines is step 5: every service of the new stack has its pipelines in Gate.
func addPipelines(s situation) Progress {
	p := Progress{Total: len(s.e.Pipelines)}
	for _, pipe := range s.e.Pipelines {
		a := Action{Target: pipe.Application + "/" + pipe.Name, Key: pipe.ID, Reason: pipe.Reason}
		switch pipe.State {
		case evidence.PipelineSame:
			p.Done++
			continue
		case evidence.PipelineMissing:
			a.Verb, a.Undo = SavePipeline, "delete the pipeline"
		case evidence.PipelineDiffers:
			a.Verb, a.Undo = SavePipeline, "save the pipeline as the commit before has it"
		case evidence.PipelineObsolete:
			a.Verb, a.Undo = DeletePipeline, "save the pipeline as the commit before has it"
		case evidence.PipelineRefused:
			if p.Waiting.Code == "" {
				p.Waiting = because(PipelineHeld, "pipeline %s: %s", a.Target, pipe.Reason)
			}
			continue
		}
		if a.Reason == "" {
			a.Reason = "the pipeline in Spinnaker is " + string(pipe.State)
		}
		p.Actions = append(p.Actions, a)
	}
	if len(p.Actions) > 0 {
		p.Waiting = because(PipelinesPending, "%d pipelines have to be saved or deleted", len(p.Actions))
	}
	return p
}
