package generator_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/generator"
	"cutover/generator/pipeline"
	"cutover/gitops/estate"
)

// wanted makes the pipelines NAME of applications "app-NAME", in prod2 of orbit.
func wanted(names ...string) []generator.Pipeline {
	var list []generator.Pipeline
	for _, name := range names {
		service := estate.ServiceID{
			Product: orbit, Namespace: estate.Must(estate.ParseNamespaceName("core")), Name: estate.Must(estate.ParseServiceName("app-" + name)),
		}
		template := estate.Must(estate.ParseTemplateName("deploy"))
		list = append(list, generator.Pipeline{
			Service: service, Stack: prod2, Template: template, Document: owned("app-"+name, name, "test", "prod2", "id-"+name),
		})
	}
	return list
}

func owned(application, name, estateName, stack, id string) pipeline.Document {
	return pipeline.Mark(pipeline.Document{"id": id, "application": application, "name": name, "stages": []any{}}, pipeline.Ownership{
		Estate: estateName, Product: "orbit", Namespace: "core", Service: application, Stack: stack, Template: "deploy",
	})
}

func documents(list []generator.Pipeline) []pipeline.Document {
	var out []pipeline.Document
	for _, p := range list {
		out = append(out, p.Document)
	}
	return out
}

func with(d pipeline.Document, key string, value any) pipeline.Document {
	out, err := pipeline.Normalize(d)
	if err != nil {
		panic(err)
	}
	out[key] = value
	return out
}

func TestPlan(t *testing.T) {
	const noMark = "carries no mark of ours: rename or delete it, or give it back its mark"
	a := wanted("a")
	kept := []string{"keep app-b b id-b: is as it should be", "keep app-c c id-c: is as it should be", "keep app-d d id-d: is as it should be", "keep app-e e id-e: is as it should be"}
	many := documents(wanted("b", "c", "d", "e", "f"))
	tests := map[string]struct {
		want []generator.Pipeline
		have []pipeline.Document
		plan []string
	}{
		"create":         {a, nil, []string{"create app-a a id-a: does not exist"}},
		"keep":           {a, []pipeline.Document{with(a[0].Document, "updateTs", "1")}, []string{"keep app-a a id-a: is as it should be"}},
		"update":         {a, []pipeline.Document{with(a[0].Document, "disabled", true)}, []string{"update app-a a id-a: differs from what its template says"}},
		"rename":         {a, []pipeline.Document{with(a[0].Document, "name", "old")}, []string{"update app-a a id-a: differs from what its template says"}},
		"leaves others":  {a, []pipeline.Document{a[0].Document, {"id": "x", "application": "app-a", "name": "by hand"}}, []string{"keep app-a a id-a: is as it should be"}},
		"other stack":    {a, []pipeline.Document{a[0].Document, owned("app-a", "z", "test", "prod", "x")}, []string{"keep app-a a id-a: is as it should be"}},
		"other estate":   {a, []pipeline.Document{a[0].Document, owned("app-a", "z", "other", "prod2", "x")}, []string{"keep app-a a id-a: is as it should be"}},
		"name is taken":  {a, []pipeline.Document{{"id": "x", "application": "APP-A", "name": "A"}}, []string{"refuse app-a a id-a: pipeline x has this name and " + noMark}},
		"mark is gone":   {a, []pipeline.Document{{"id": "id-a", "application": "app-a", "name": "a"}}, []string{`refuse app-a a id-a: pipeline "a" of application "app-a" has this id and ` + noMark}},
		"id is taken":    {a, []pipeline.Document{with(a[0].Document, "application", "other")}, []string{`refuse app-a a id-a: pipeline "a" of application "other" has this id and carries the mark of orbit/core/app-a prod2 deploy in estate test: rename or delete it, or give it back its mark`}},
		"another's name": {a, []pipeline.Document{owned("app-a", "a", "test", "prod", "x")}, []string{"refuse app-a a id-a: pipeline x has this name and carries the mark of orbit/core/app-a prod deploy in estate test: rename or delete it, or give it back its mark"}},
		"delete": {
			wanted("b", "c", "d", "e"), many,
			append([]string{"delete app-f f id-f: no service and template make it any more"}, kept...),
		},
		"delete makes room": {
			wanted("a", "b", "c", "d", "e"), append([]pipeline.Document{owned("app-a", "A", "test", "prod2", "id-old")}, many[:4]...),
			append([]string{"delete app-a A id-old: no service and template make it any more", "create app-a a id-a: does not exist"}, kept...),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			changes, err := generator.Plan(test.want, test.have, options)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range changes {
				got = append(got, fmt.Sprintf("%s %s %s %s: %s", c.Verb, c.Application, c.Name, c.ID, c.Reason))
				if saves := c.Verb == generator.Create || c.Verb == generator.Update; saves != (c.Document != nil) || saves && c.Diff == "" {
					t.Errorf("%s: document %v, diff %q", c.Verb, c.Document, c.Diff)
				}
			}
			if diff := cmp.Diff(test.plan, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlanRefuses(t *testing.T) {
	if _, err := generator.Plan(nil, documents(wanted("a")), options); err == nil || err.Error() != "no pipeline is wanted: refusing to delete all" {
		t.Errorf("nothing wanted: %v", err)
	}
	have := documents(wanted("a", "b", "c", "d"))
	_, err := generator.Plan(wanted("a", "b", "c"), have, options)
	const want = "1 of 4 pipelines would be deleted, more than 20 percent: refusing all of it; raise the limit if this is wanted"
	if err == nil || err.Error() != want {
		t.Errorf("too many deletes: %v, want %s", err, want)
	}
	wide := options
	wide.MaxDelete = 25
	if _, err := generator.Plan(wanted("a", "b", "c"), have, wide); err != nil {
		t.Errorf("deletes within the limit: %v", err)
	}
}

// TestPlanConverges: obeying a plan makes the next one keep everything, whatever stood there before. Obeying checks
// what Front50 checks: two pipelines of an application never have one name.
func TestPlanConverges(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 0))
		all := wanted("a", "b", "c", "d", "e", "f", "g", "h")
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		want := all[:1+r.IntN(len(all))]
		gate := map[string]pipeline.Document{}
		for _, p := range all {
			d := p.Document
			switch r.IntN(5) {
			case 0:
				continue
			case 1:
				d = with(d, "disabled", true)
			case 2:
				d = with(d, "id", d.ID()+"-old")
			case 3:
				d = with(d, "name", strings.ToUpper(d.Name())+"-old")
			}
			gate[d.ID()] = d
		}
		o := options
		o.MaxDelete = 100
		changes, err := generator.Plan(want, list(gate), o)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, c := range changes {
			obey(t, gate, c)
		}
		again, err := generator.Plan(want, list(gate), o)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, c := range again {
			if c.Verb != generator.Keep {
				t.Fatalf("seed %d: the second plan has %s %s: %s", seed, c.Verb, c.ID, c.Reason)
			}
		}
		if len(again) != len(want) || len(gate) != len(want) {
			t.Fatalf("seed %d: %d wanted, %d kept, %d in Gate", seed, len(want), len(again), len(gate))
		}
	}
}

func list(gate map[string]pipeline.Document) []pipeline.Document {
	var out []pipeline.Document
	for _, d := range gate {
		out = append(out, d)
	}
	return out
}

func obey(t *testing.T, gate map[string]pipeline.Document, c generator.Change) {
	t.Helper()
	switch c.Verb {
	case generator.Create, generator.Update:
		for id, d := range gate {
			if id != c.ID && strings.EqualFold(d.Name(), c.Name) && strings.EqualFold(d.Application(), c.Application) {
				t.Fatalf("%s %s: a pipeline with name %s already exists", c.Verb, c.ID, c.Name)
			}
		}
		gate[c.ID] = with(c.Document, "updateTs", "1")
	case generator.Delete:
		delete(gate, c.ID)
	case generator.Keep, generator.Refuse:
	}
}
