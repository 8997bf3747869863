package e2e

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover/cmd/internal/lab/scenario"
	"cutover/gitops/estate"
)

// TestForcePush replaces the branch by another history while the daemon deploys the first one: it follows, and from then
// on deploys nothing of the abandoned history.
func TestForcePush(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	values := p.file("profile", "values.yaml")
	p.mark(t, estate.Prepare)
	p.edit(t, values, "port: 8080", "port: 8080\npodAnnotations: {history: abandoned}")
	p.mark(t, estate.Deploy)
	d := p.start(t)
	p.await(t, d, "the first history is being deployed", func(r scenario.Report) bool {
		return slices.ContainsFunc(r.Services, func(s scenario.Service) bool { return s.Execution != "" })
	})

	c := p.clone(t)
	c.git(t, "checkout", "-q", "-b", "other", "origin/main")
	c.commit(t, "Begin phase prepare\n\nCutover-Phase: prepare", p.migration.MarkerPath(), "phase: prepare\n")
	text := c.git(t, "show", "HEAD:"+values)
	c.commit(t, "Another way", values, text+"\npodAnnotations: {history: kept}\n")
	c.commit(t, "Begin phase deploy\n\nCutover-Phase: deploy", p.migration.MarkerPath(), "phase: deploy\n")
	kept := c.git(t, "rev-parse", "HEAD")
	c.git(t, "push", "-q", "--force", "origin", "other:"+p.migration.Branch)

	r := p.await(t, d, "phase deploy is complete in the other history", func(r scenario.Report) bool {
		return complete(estate.Deploy)(r) && c.contains(t, r.Commit, kept)
	})
	if head, err := p.Head(t.Context(), p.migration.Branch); err != nil || head != r.Commit {
		t.Errorf("the branch is at %s, %v; the daemon stands at %s", head, err, r.Commit)
	}
	if got := history(t, p); got != "kept" {
		t.Errorf("the new cluster runs the history %q, want the one that was kept", got)
	}
	followed := false
	for _, commit := range p.deployed(t) {
		of := c.contains(t, commit, kept)
		if followed && !of {
			t.Errorf("%s of the abandoned history was deployed after one of the other history", commit)
		}
		followed = followed || of
	}

	before := p.look(t)
	d = p.restart(t, d)
	p.await(t, d, "phase deploy is complete", complete(estate.Deploy))
	checkUntouched(t, before, p.look(t), r.Commit)
}

// history is the annotation by which the test tells the histories apart.
func history(t *testing.T, p *place) string {
	t.Helper()
	o := p.object(t, deployments, "profile")
	if o == nil {
		return ""
	}
	text, _, _ := unstructured.NestedString(o.Object, "spec", "template", "metadata", "annotations", "history")
	return text
}

// deployed are the commits whose values were deployed by pipelines, in the order in which they were.
func (p *place) deployed(t *testing.T) []string {
	t.Helper()
	type execution struct {
		BuildTime int64
		Trigger   struct {
			Parameters struct{ ValuesBranch string }
		}
	}
	var all []execution
	for _, s := range p.estate.Services {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.Gate+"/applications/"+s.Name.String()+"/pipelines?limit=100", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var list []execution
		err = json.NewDecoder(answer.Body).Decode(&list)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b execution) int { return cmp.Compare(a.BuildTime, b.BuildTime) })
	var commits []string
	for _, x := range all {
		commits = append(commits, x.Trigger.Parameters.ValuesBranch)
	}
	return commits
}
