package phase_test

import (
	"strings"
	"testing"
	"time"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
)

var deployScenes = []scene{
	{"namespaces before services", deploy, with(func(e *evidence.Evidence) {
		e.Namespaces = []estate.NamespaceName{estate.Must(estate.ParseNamespaceName("core"))}
		e.Services = []evidence.Service{service("web", estate.Stateless)}
	}), "do step 6: namespaces-pending\n  create-namespace core"},
	{"versions before services", deploy, services(service("web", estate.Stateless, unpinned)), "do step 6: versions-pending\n  pin-versions migration/eks"},
	{"unknown version holds", deploy, services(service("web", estate.Stateless, unpinned, func(s *evidence.Service) { s.Running = estate.Version{} })), "hold step 6: version-unknown until +5s"},
	{"an unknown version does not stop the others of its wave", deploy, services(service("web", estate.Stateless, unpinned, func(s *evidence.Service) { s.Running = estate.Version{} }), service("api", estate.Stateless)),
		"do step 6: deploying until +5s\n  deploy orbit/core/api [cutover.api.d1.1]"},
	{"unknown version of an exclusive service does not", deploy, services(service("push", estate.Exclusive, unpinned, func(s *evidence.Service) { s.Running = estate.Version{} })), "advance step 0: complete"},
	{"as many as are allowed at once", deploy, services(service("a", estate.Stateless), service("b", estate.Stateless), service("c", estate.Stateless)),
		"do step 6: deploying\n  deploy orbit/core/a [cutover.a.d1.1]\n  deploy orbit/core/b [cutover.b.d1.1]"},
	{"a running one takes a place", deploy, services(service("a", estate.Stateless, deployed(pipeline.Running, "d1", 1, 0)), service("b", estate.Stateless), service("c", estate.Stateless)),
		"do step 6: deploying\n  deploy orbit/core/b [cutover.b.d1.1]"},
	{"never two executions of one service", deploy, services(service("a", estate.Stateless, deployed(pipeline.Running, "d0", 1, 0))), "hold step 6: deploying"},
	{"the singleton waits for stateless ones", deploy, services(service("match", estate.Singleton), service("web", estate.Stateless, deployed(pipeline.Running, "d1", 1, 0))), "hold step 6: deploying"},
	{"succeeded is not yet ready", deploy, services(service("web", estate.Stateless, deployed(pipeline.Succeeded, "d1", 1, 0)), service("match", estate.Singleton)), "hold step 6: deploying"},
	{"then the singleton, before its client", deploy, services(service("api", estate.StatefulClient), service("match", estate.Singleton), service("web", estate.Stateless, done)),
		"do step 6: deploying\n  deploy orbit/core/match [cutover.match.d1.1]"},
	{"then the client", deploy, services(service("api", estate.StatefulClient), service("match", estate.Singleton, done), service("web", estate.Stateless, done)),
		"do step 6: deploying\n  deploy orbit/core/api [cutover.api.d1.1]"},
	{"never an exclusive one", deploy, services(service("push", estate.Exclusive), service("api", estate.StatefulClient, done)), "advance step 0: complete"},
	{"a commit deploys what it changes", deploy, services(service("a", estate.Stateless, done, func(s *evidence.Service) { s.Wanted = "d2" }), service("b", estate.Stateless, done)),
		"do step 6: deploying\n  deploy orbit/core/a [cutover.a.d2.2]"},
	{"a failure holds the wave and is tried again", deploy, services(service("a", estate.Stateless, deployed(pipeline.Terminal, "d1", 1, 20*time.Second)), service("b", estate.Stateless, done), service("match", estate.Singleton)),
		"hold step 6: deploy-failed until +40s"},
	{"a failure is told once the others are done", deploy, services(service("a", estate.Stateless, deployed(pipeline.Terminal, "d1", 1, 0)), service("b", estate.Stateless, deployed(pipeline.Succeeded, "d1", 1, 0))),
		"hold step 6: deploying until +1m0s"},
	{"a failure does not stop the others of its wave", deploy, services(service("a", estate.Stateless, deployed(pipeline.Terminal, "d1", 1, 0)), service("b", estate.Stateless)),
		"do step 6: deploying until +1m0s\n  deploy orbit/core/b [cutover.b.d1.1]"},
	{"later again after each failure", deploy, services(service("a", estate.Stateless, deployed(pipeline.Terminal, "d1", 1, time.Hour), deployed(pipeline.Terminal, "d1", 2, time.Minute))),
		"hold step 6: deploy-failed until +1m0s"},
	{"again when it is time", deploy, services(service("a", estate.Stateless, deployed(pipeline.Terminal, "d1", 1, time.Minute))),
		"do step 6: deploying\n  deploy orbit/core/a [cutover.a.d1.2]"},
	{"never longer apart than a quarter of an hour", deploy, services(service("a", estate.Stateless,
		deployed(pipeline.Terminal, "d1", 1, time.Hour), deployed(pipeline.Terminal, "d1", 2, time.Hour), deployed(pipeline.Terminal, "d1", 3, time.Hour),
		deployed(pipeline.Terminal, "d1", 4, time.Hour), deployed(pipeline.Terminal, "d1", 5, time.Hour), deployed(pipeline.Terminal, "d1", 6, 0))), "hold step 6: deploy-failed until +15m0s"},
	{"a person's cancel stands", deploy, services(service("a", estate.Stateless, deployed(pipeline.Canceled, "d1", 1, time.Hour))), "hold step 6: deploy-failed"},
	{"until git names something else", deploy, services(service("a", estate.Stateless, deployed(pipeline.Canceled, "d0", 1, time.Hour))),
		"do step 6: deploying\n  deploy orbit/core/a [cutover.a.d1.2]"},
	{"somebody else's execution is waited for", deploy, services(service("a", estate.Stateless, func(s *evidence.Service) { s.Occupied = "X1" })), "hold step 6: deploying"},
	{"an unhealthy service takes no place", deploy, services(
		service("a", estate.Stateless, deployed(pipeline.Succeeded, "d1", 1, 0)), service("b", estate.Stateless, deployed(pipeline.Succeeded, "d1", 1, 0)), service("c", estate.Stateless)),
		"do step 6: deploying\n  deploy orbit/core/c [cutover.c.d1.1]"},
	{"an exclusive service in both clusters stops all", deploy, services(service("a", estate.Stateless), service("push", estate.Exclusive, func(s *evidence.Service) { s.Present = "Deployment/push" })), "hold step 6: exclusive-present"},
	{"a fix is deployed at once", deploy, services(service("a", estate.Stateless, deployed(pipeline.Terminal, "d0", 1, 0))),
		"do step 6: deploying\n  deploy orbit/core/a [cutover.a.d1.2]"},
	{"what cannot be rendered holds", deploy, services(service("a", estate.Stateless, func(s *evidence.Service) { s.Wanted, s.Blocked = "", "values.yaml:3" })),
		"hold step 6: service-blocked"},
	{"an unknown status is never an end", deploy, services(service("a", estate.Stateless, deployed("NEW_WORD", "d1", 1, 0))), "hold step 6: deploying"},
}

// TestAFailureLinksItsExecution looks for the page of the execution in what people read.
func TestAFailureLinksItsExecution(t *testing.T) {
	m := migration()
	e := complete(m, deploy)
	failed := deployed(pipeline.Terminal, "d1", 1, 0)
	e.Services = []evidence.Service{service("a", estate.Stateless, failed, func(s *evidence.Service) {
		s.Deployments[0].URL = "https://deck.example.com/#/applications/a/executions/details/X"
	})}
	d := phase.Next(m, deploy, &e, t0)
	if want := " <https://deck.example.com/#/applications/a/executions/details/X> failed"; !strings.Contains(d.Reason.Text, want) {
		t.Errorf("the reason is %q, want it to say %q", d.Reason.Text, want)
	}
}
