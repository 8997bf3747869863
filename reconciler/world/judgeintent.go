package world

import (
	"slices"
	"strings"

	"cutover/reconciler/phase"
	"cutover/reconciler/record"
)

// intent: no effect without an entry in the journal before it that means it.
func (j *judge) intent(w *World, p *Process, at port) {
	switch at {
	case portJournal:
		j.journaled = true
		return
	case portHost:
		return
	case portEdge:
		if !j.raises {
			return // traffic goes back also if that cannot be written down
		}
	default: // every other system
	}
	switch {
	case !j.journaled, strings.HasPrefix(w.cause, "delete branch"):
		return
	case p != w.process && strings.HasPrefix(w.cause, "propose"):
		return // a person's command, which has no journal
	}
	for _, e := range p.intents {
		if means(e, at, w.cause) {
			return
		}
	}
	w.breach("journal", "an effect without its intent")
}

// verbs are what can mean an effect on each system.
var verbs = map[port][]phase.Verb{
	portGit:       {phase.CommitFiles, phase.PinVersions, phase.MergeMain, "propose"},
	portSpinnaker: {phase.SavePipeline, phase.DeletePipeline, phase.FreezePipeline, phase.ThawPipeline, phase.Deploy},
	portVault:     {phase.CopySecrets},
	portIAM:       {phase.TrustPrincipal},
	portAlarms:    {phase.SilenceAlarms, phase.ExpireSilence},
	portEdge:      {phase.SetWeight},
}

// ofClusters can mean an effect on a cluster.
var ofClusters = []phase.Verb{phase.CreateNamespace, phase.Deploy, phase.RestartClient, phase.RunSmoke, "repair"}

// means tells whether an entry of the journal means an effect. Where the effect names what it is about, it has to be that.
func means(e record.Entry, at port, what string) bool {
	allowed, ok := verbs[at]
	if !ok {
		allowed = ofClusters
	}
	verb := phase.Verb(e.Verb)
	if !slices.Contains(allowed, verb) {
		return false
	}
	name := e.Target[strings.LastIndexByte(e.Target, '/')+1:]
	switch verb {
	case phase.SavePipeline, phase.DeletePipeline, phase.FreezePipeline, phase.ThawPipeline:
		application, _, _ := strings.Cut(e.Target, "/")
		return strings.HasSuffix(what, "pipeline "+e.Target) || what == "application "+application
	case phase.Deploy:
		return strings.Contains(what, " "+e.Key) || strings.Contains(what, "/"+name+" ")
	case phase.CreateNamespace, phase.TrustPrincipal:
		return strings.Contains(what+" ", " "+name+" ")
	case phase.RestartClient, "repair":
		return strings.Contains(what, "/"+name)
	case phase.SetWeight:
		return what == "weight "+strings.TrimPrefix(e.Key[strings.LastIndexByte(e.Key, '.'):], ".")
	case "propose":
		return what == "propose "+e.Target
	default: // the effects of the others name nothing more
		return true
	}
}
