package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jenkins-x/go-scm/scm"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"cutover/cmd/internal/lab/scenario"
	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/evidence"
	"cutover/reconciler/remote/alertmanager"
	"cutover/reconciler/remote/gate"
)

// TestMigration moves a product by pull requests, on which people only look, merge and approve, until all traffic goes
// to the new cluster, and back again until it is as if nothing had been. Users are there all the time.
func TestMigration(t *testing.T) {
	t.Parallel()
	leaks, l := newLeaks(), *labtest.Get(t)
	l.Git.URL = new(tripwire).before(t, l.Git.URL, nil, func(r *http.Request, body []byte) string { leaks.hear(r, body); return "" })
	m := newMovingOn(t, l, withJourney)
	leaks.of(m)
	before := m.oldPipelines(t)
	u := m.newUsers(t, 40)
	d := m.hooked(t)
	stop := leaks.follow(t, d)
	begun := time.Now()
	lap := func(what string) { t.Logf("%6.1fs %s", time.Since(begun).Seconds(), what) }

	passed := func(checkpoint string) *scm.PullRequest {
		t.Helper()
		m.proposed(t, d, checkpoint)
		leaks.ask(t, d)
		p := m.passed(t, d, checkpoint)
		leaks.listen(t, d)
		return p
	}
	prepare := passed("prepare")
	lap("prepare is complete")
	m.checkTold(t, d, prepare.Number, prepare.Sha, "prepare")
	deploy := passed("deploy")
	lap("deploy is complete")
	m.checkJob(t, "journey")
	m.checkTold(t, d, deploy.Number, deploy.Sha, "deploy")

	// A developer does not know yet that there will be a freeze.
	values := m.file("search", "values.yaml")
	late, err := m.Offer(t.Context(), "developer/late", "main", "A change that comes too late", m.changed(t, "main", values, "port: 8080", "port: 8081"))
	if err != nil {
		t.Fatal(err)
	}
	m.checkBehind(t, d)
	lap("what changed on the old side is listed")
	freeze := passed("freeze")
	lap("freeze is complete")
	m.checkJob(t, "journey")
	m.checkCaughtUp(t, d)
	m.checkFrozen(t, d, late)
	m.checkSecrets(t, d)
	lap("the freeze holds, and opens for one service")

	for _, weight := range []string{"canary-10", "canary-50"} {
		p := passed(weight)
		lap(weight + " is complete")
		m.checkTold(t, d, p.Number, p.Sha, "canary")
	}
	m.checkLevels(t, d)
	lap("what was undone by hand is restored")
	m.checkReload(t, d)
	m.checkProxyDown(t, d, u)
	lap("all traffic goes to the new cluster")
	leaks.ask(t, d)
	m.checkShare(t)

	m.back(t, d, "freeze", "freeze")
	lap("back at freeze")
	for _, p := range edgeOf(t, d) {
		if p.Weight != 0 {
			t.Errorf("proxy %s still has %d%% after the rollback", p.Proxy, p.Weight)
		}
	}
	if list := m.silences(t); len(list) > 0 {
		t.Errorf("there are silences after the rollback: %v", list)
	}
	m.back(t, d, "deploy", "deploy")
	lap("back at deploy")
	if diff := cmp.Diff(before, m.oldPipelines(t)); diff != "" {
		t.Errorf("the old pipelines are not what they were (-before +after):\n%s", diff)
	}
	if state, says := m.state(t, m.head(t, late), m.context("frozen")); state != "success" {
		t.Errorf("the developer's pull request is still %s: %s", state, says)
	}
	m.checkTold(t, d, freeze.Number, freeze.Sha, "freeze")

	u.stop()
	total, failed, reasons := u.sum()
	t.Logf("%d requests, %d failed", total, failed)
	if failed > 0 || total < 1000 {
		t.Errorf("%d of %d requests failed: %v", failed, total, reasons)
	}
	leaks.listen(t, d)
	leaks.ask(t, d)
	stop()
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	leaks.search(t)
}

// rotated ends the new value of a secret that somebody changes before the freeze.
const rotated = "-rotated"

// back rolls back by the command, and its pull request.
func (m *moving) back(t *testing.T, d *scenario.Daemon, to, checkpoint string) {
	t.Helper()
	p := m.moved(t, d, "rollback", m.migration.Name.String(), "--to", to)
	m.reached(t, d, p, checkpoint)
	m.checkTold(t, d, p.Number, p.Sha, strings.Split(checkpoint, "-")[0])
}

// checkTold checks what stands on a merged pull request: each comment once, and a good status.
func (m *moving) checkTold(t *testing.T, d *scenario.Daemon, number int, head, phase string) {
	t.Helper()
	m.eventually(t, d, fmt.Sprintf("#%d is told that all is done", number), func(context.Context) bool {
		return len(m.saidOf(t, number, ": complete\n")) > 0
	})
	for _, words := range []string{"### Plan: ", ": complete\n"} {
		if n := len(m.saidOf(t, number, words)); n != 1 {
			t.Errorf("#%d has %d comments with %q of the daemon, want 1", number, n, words)
		}
	}
	if n := len(m.saidOf(t, number, "")); n > 3 { // the freeze has an announcement
		t.Errorf("#%d has %d comments of the daemon", number, n)
	}
	if state, says := m.state(t, head, m.context(phase)); state != "success" {
		t.Errorf("#%d: status %s is %q: %s", number, m.context(phase), state, says)
	}
}

// checkJob checks that the newest Job that a test made of a CronJob of the new cluster has succeeded.
func (m *moving) checkJob(t *testing.T, cronJob string) {
	t.Helper()
	client, err := kubernetes.NewForConfig(m.Lab.REST(t, labtest.New))
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := client.BatchV1().Jobs(m.migration.Product.String()+"-core").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var newest *batchv1.Job
	for i, j := range jobs.Items {
		if strings.HasPrefix(j.Name, cronJob+"-") && (newest == nil || newest.Name < j.Name) {
			newest = &jobs.Items[i]
		}
	}
	if newest == nil || newest.Status.Succeeded != 1 {
		t.Errorf("the newest Job of %s is %v", cronJob, newest)
	}
}

// checkFrozen checks that a developer can neither merge nor deploy, but for the service that a reviewed file names.
func (m *moving) checkFrozen(t *testing.T, d *scenario.Daemon, late int) {
	t.Helper()
	head := m.head(t, late)
	m.eventually(t, d, "the developer's pull request is blocked", func(context.Context) bool {
		state, _ := m.state(t, head, m.context("frozen"))
		return state == "failure"
	})
	for _, service := range []string{"profile", "search"} {
		if status, says := m.trigger(t, service); status != http.StatusBadRequest || !strings.Contains(says, "disabled") {
			t.Errorf("a developer starts the frozen pipeline of %s: %d %s", service, status, says)
		}
	}
	glass, err := m.Offer(t.Context(), "developer/urgent", m.migration.Branch, "Let search through", estate.File{
		Path: m.migration.BreakGlassPath(),
		Data: fmt.Appendf(nil, "- {service: search, by: a developer, reason: it is urgent, until: %s}\n", time.Now().Add(time.Hour).UTC().Format(time.RFC3339)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Merge(t.Context(), glass); err != nil {
		t.Fatal(err)
	}
	m.eventually(t, d, "search is let through", func(context.Context) bool {
		state, _ := m.state(t, head, m.context("frozen"))
		return state == "success" && !frozen(m.oldPipeline(t, "search"))
	})
	if !frozen(m.oldPipeline(t, "profile")) {
		t.Error("profile is let through, too")
	}
}

// checkLevels undoes by hand what the canary has brought about, and waits until it is there again.
func (m *moving) checkLevels(t *testing.T, d *scenario.Daemon) {
	t.Helper()
	client, err := alertmanager.New(alertmanager.Config{URL: m.Lab.Alertmanager.URL})
	if err != nil {
		t.Fatal(err)
	}
	list := m.silences(t)
	if len(list) != 1 {
		t.Fatalf("%d silences, want one: %v", len(list), list)
	}
	if err := client.Expire(t.Context(), list[0].ID, list[0].Owner); err != nil {
		t.Fatal(err)
	}
	spinnaker := m.gateClient(t)
	thawed, _ := pipeline.Thaw(oldPipelineAt(t, spinnaker, "profile"))
	if err := spinnaker.Save(t.Context(), thawed); err != nil {
		t.Fatal(err)
	}
	m.setWeight(t, "edge-2", 7)
	changed := time.Now()
	for _, level := range []struct {
		what string
		is   func() bool
	}{
		{"the weight", func() bool { return m.weight(t, "edge-2") == 50 }},
		{"the freeze", func() bool { return frozen(m.oldPipeline(t, "profile")) }},
		{"the silence", func() bool { return len(m.silences(t)) == 1 }},
	} {
		m.eventually(t, d, level.what+" is restored", func(context.Context) bool { return level.is() })
		t.Logf("%s is restored %.1fs after it was undone by hand", level.what, time.Since(changed).Seconds())
	}
}

// soonAtEdge is how long a proxy may have lost its weight.
const soonAtEdge = 5 * time.Second

// checkReload reloads a proxy, which forgets its weights.
func (m *moving) checkReload(t *testing.T, d *scenario.Daemon) {
	t.Helper()
	m.edge.Reload(t, "edge-1")
	reloaded := time.Now()
	m.eventually(t, d, "the reloaded proxy has its weight", func(context.Context) bool { return m.weight(t, "edge-1") == 50 })
	took := time.Since(reloaded)
	t.Logf("a reloaded proxy has its weight after %.1fs", took.Seconds())
	if took > soonAtEdge {
		t.Errorf("a reloaded proxy has its weight after %s", took)
	}
}

// checkProxyDown lets a proxy die before the last weight. The load balancer in front of the proxies sends it nobody.
func (m *moving) checkProxyDown(t *testing.T, d *scenario.Daemon, u users) {
	t.Helper()
	next := m.proposed(t, d, "canary-100")
	u["edge-3"].Stop()
	m.edge.Stop(t, "edge-3")
	if err := m.Merge(t.Context(), next.Number); err != nil {
		t.Fatal(err)
	}
	r := m.await(t, d, "the dead proxy holds the weight", func(r scenario.Report) bool {
		return standsAt(r) == "canary-100" && r.Decision.Reason.Code == "proxy-unreachable"
	})
	if r.Decision.Kind != "hold" || !strings.Contains(r.Decision.Reason.Text, "edge-3") {
		t.Errorf("%s: %s: want edge-3 named", r.Decision.Kind, r.Decision.Reason.Text)
	}
	m.eventually(t, d, "the pull request names the dead proxy", func(context.Context) bool {
		return len(m.saidOf(t, next.Number, "proxy edge-3: does not answer")) == 1
	})
	for _, p := range edgeOf(t, d) {
		if (p.Unreachable != "") != (p.Proxy == "edge-3") {
			t.Errorf("the daemon shows of %s: %q", p.Proxy, p.Unreachable)
		}
	}
	for _, name := range []string{"edge-1", "edge-2"} {
		if w := m.weight(t, name); w != 50 {
			t.Errorf("%s has %d%% while another proxy is down", name, w)
		}
	}
	m.edge.Start(t, "edge-3")
	back := time.Now()
	m.eventually(t, d, "the proxy that is back has the weight of the others", func(context.Context) bool { return m.weight(t, "edge-3") >= 50 })
	t.Logf("a proxy that was down has its weight %.1fs after its start", time.Since(back).Seconds())
	fresh := users{}
	fresh.arrive(t, m.edge.Proxy(t, "edge-3"), 40)
	u["edge-3 again"] = fresh["edge-3"]
	m.reached(t, d, next, "canary-100")
	m.checkTold(t, d, next.Number, next.Sha, "canary")
}

// checkShare checks that nobody is sent to the old cluster any more.
func (m *moving) checkShare(t *testing.T) {
	t.Helper()
	before, at := m.edge.Count(t, labtest.Old).Requests, m.edge.Count(t, labtest.New).Requests
	time.Sleep(time.Second) // of traffic
	if now := m.edge.Count(t, labtest.Old).Requests; now != before {
		t.Errorf("the old cluster was sent %d requests at weight 100", now-before)
	}
	if now := m.edge.Count(t, labtest.New).Requests; now <= at {
		t.Error("the new cluster was sent no request at weight 100")
	}
}

func (m *moving) gateClient(t *testing.T) *gate.Client {
	t.Helper()
	client, err := gate.New(gate.Config{Endpoint: m.Gate})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// oldPipeline is the pipeline of a service's old stack, as Gate has it.
func (m *moving) oldPipeline(t *testing.T, service string) pipeline.Document {
	t.Helper()
	return oldPipelineAt(t, m.gateClient(t), service)
}

func oldPipelineAt(t *testing.T, spinnaker *gate.Client, service string) pipeline.Document {
	t.Helper()
	docs, err := spinnaker.Pipelines(t.Context(), service)
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range docs {
		if doc.Name() == "deploy-prod" {
			return doc
		}
	}
	t.Fatalf("Gate has no pipeline deploy-prod of %s", service)
	return nil
}

// oldPipelines are the pipelines of the old stack, byte by byte, but for what Front50 itself writes into each save.
func (m *moving) oldPipelines(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, s := range m.estate.Services {
		doc := m.oldPipeline(t, s.Name.String())
		delete(doc, "updateTs")
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		out[s.Name.String()] = string(text)
	}
	return out
}

func frozen(doc pipeline.Document) bool {
	_, frozen, tampered := pipeline.FrozenBy(doc)
	return frozen && !tampered
}

// trigger starts the pipeline of a service's old stack, as a developer does.
func (m *moving) trigger(t *testing.T, service string) (status int, says string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.Gate+"/pipelines/"+service+"/deploy-prod", strings.NewReader(`{"type": "manual", "parameters": {"version": "9.9.9"}}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// silences are the migration's silences.
func (m *moving) silences(t *testing.T) []evidence.Silence {
	t.Helper()
	client, err := alertmanager.New(alertmanager.Config{URL: m.Lab.Alertmanager.URL})
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.Silences(t.Context(), "cutover/"+m.Lab.Git.Username+"/"+m.Repository+"/"+m.migration.Name.String())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// admin says something to the stats socket of a proxy.
func (m *moving) admin(t *testing.T, proxy, command string) string {
	t.Helper()
	c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", m.edge.Proxy(t, proxy).Admin)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, command+"\n"); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// weight is what a proxy gives the new cluster, in percent.
func (m *moving) weight(t *testing.T, proxy string) int {
	t.Helper()
	var now, configured int
	text := m.admin(t, proxy, "get weight "+m.edge.Backend+"/"+m.edge.To)
	if _, err := fmt.Sscanf(text, "%d (initial %d)", &now, &configured); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	return now
}

// setWeight plays somebody with access to a proxy.
func (m *moving) setWeight(t *testing.T, proxy string, weight int) {
	t.Helper()
	if says := strings.TrimSpace(m.admin(t, proxy, fmt.Sprintf("set weight %s/%s %d", m.edge.Backend, m.edge.To, weight))); says != "" {
		t.Fatal(says)
	}
}

// head is the newest commit of a pull request.
func (m *moving) head(t *testing.T, number int) string {
	t.Helper()
	p, err := m.Review(t.Context(), number)
	if err != nil {
		t.Fatal(err)
	}
	return p.Sha
}

// changed is a file of a branch with one text replaced.
func (p *place) changed(t *testing.T, branch, path, old, replacement string) estate.File {
	t.Helper()
	data, err := p.Read(t.Context(), branch, path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		t.Fatalf("%s has no %q:\n%s", path, old, data)
	}
	return estate.File{Path: path, Data: []byte(strings.Replace(string(data), old, replacement, 1))}
}
