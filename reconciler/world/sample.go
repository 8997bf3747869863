package world

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"cutover/generator"
	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

//go:embed sample.txtar
var sampleArchive []byte

// SampleFiles are a small estate for simulations: product orbit, with two services of class A and one of each other, and
// the migration eks. Its marker is not there yet.
func SampleFiles() []estate.File {
	var out []estate.File
	for _, f := range txtar.Parse(sampleArchive).Files {
		out = append(out, estate.File{Path: f.Name, Data: f.Data})
	}
	return out
}

// furnish puts into the world what the estate says of the old stack, running and at rest, and some things of strangers.
func (w *World) furnish() error {
	m := w.migration
	old := w.clusters[m.From.Cluster.String()]
	head := w.git.commits[w.git.branches[Main]]
	pipelines, err := oldPipelines(head.tree, w.estate, m)
	if err != nil {
		return err
	}
	for _, d := range pipelines {
		w.spinnaker.applications[d.Application()] = "platform@example.com"
		w.spinnaker.store(d, w.now)
	}
	for _, link := range m.Singletons {
		for _, client := range link.Clients {
			if s, ok := w.estate.Service(m.Product, client); ok {
				w.vault.put(old.secrets+"/"+s.Namespace.String()+"/"+link.Address.Secret, map[string]any{
					link.Address.Key: link.Address.From, "TOKEN": "t-" + client.String(),
				}, w.now.Add(-time.Hour))
			}
		}
	}
	for _, s := range w.estate.InStack(m.Product, m.From.Stack) {
		w.vault.put(old.secrets+"/"+s.Namespace.String()+"/"+s.Name.String(), map[string]any{"PASSWORD": "p-" + s.Name.String()}, w.now.Add(-time.Hour))
		old.namespace(s.Namespace.String())
		version := w.options.Versions[s.Name.String()]
		if version == "" {
			version = "1.0.0"
		}
		objects, _, err := w.render(head, pipeline.Ownership{Product: m.Product.String(), Service: s.Name.String(), Stack: m.From.Stack.String()}, version)
		if err != nil {
			return err
		}
		for _, o := range objects {
			old.deployed(o, s.Name.String())
		}
	}
	w.peculiar()
	w.strangers()
	w.settingUp = true
	w.advance(w.now.Add(3 * time.Minute)) // until everything runs
	w.settingUp = false
	w.counts = Counts{}
	w.traffic = traffic{last: w.now}
	for _, name := range slices.Sorted(maps.Keys(w.fleet)) {
		w.reload(w.fleet[name])
	}
	for _, p := range old.pods {
		if !p.ready {
			return fmt.Errorf("pod %s does not become ready", p.name)
		}
	}
	return nil
}

// peculiar is what people did to some of the old stack's pipelines long ago.
func (w *World) peculiar() {
	for id, d := range w.spinnaker.pipelines {
		edited := maps.Clone(d.Document)
		switch d.Application() {
		case "media":
			edited["description"] = "Tell the editors before you deploy."
		case "reminder":
			edited["locked"] = map[string]any{"ui": true, "allowUnlockUi": true, "description": "Growth deploys this one."}
		default:
			continue
		}
		w.spinnaker.pipelines[id] = stored{edited, d.version}
	}
}

// generated are pipelines that were made before, by the digest of the tree that names them.
var generated sync.Map // of []pipeline.Document

// oldPipelines are those of the old stack, as Front50 normalizes them.
func oldPipelines(t *tree, e *estate.Estate, m estate.Migration) ([]pipeline.Document, error) {
	if found, ok := generated.Load(t.digest); ok {
		return found.([]pipeline.Document), nil
	}
	pipelines, err := generator.Pipelines(e, m.Product, m.From.Stack, Generator)
	if err != nil {
		return nil, err
	}
	var out []pipeline.Document
	for _, p := range pipelines {
		d, err := pipeline.Normalize(p.Document)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	generated.Store(t.digest, out)
	return out, nil
}

// strangers puts things into the world that are nobody's business here.
func (w *World) strangers() {
	mustSave := func(d pipeline.Document) {
		if err := w.spinnaker.save(d, w.now); err != nil {
			panic(err)
		}
	}
	w.spinnaker.applications["billing"] = "billing@example.com"
	mustSave(pipeline.Document{"id": "billing-deploy", "application": "billing", "name": "deploy", "stages": []any{}})
	w.alarms.silences["stranger"] = &silence{Silence: evidence.Silence{
		ID: "stranger", Matchers: []string{`alertname="DiskFull"`}, Starts: w.now, Ends: w.now.Add(240 * time.Hour), Owner: "ada", Comment: "disk is on order",
	}}
	c := w.clusters[w.migration.To.Cluster.String()]
	c.write(person, map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "kube-system"}})
	c.write(person, map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "mesh", "namespace": "kube-system"}, "data": map[string]any{"a": "b"}})
}
