package generator

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
)

// Options say what an estate does not know about itself.
type Options struct {
	Estate     string // the estate's name, in marks and ids: a new one makes every pipeline anew
	Repository string // URL of the values repository, for the pipelines' artifacts
	Base       string // the branch of the stacks that no migration added; "" means main
	// MaxDelete is the largest share of its pipelines that a plan may delete, in percent, 1 to 100; 0 means
	// DefaultMaxDelete. A plan that deletes more is refused as a whole.
	MaxDelete int
}

// DefaultMaxDelete is the largest share of pipelines that a plan may delete, in percent, unless Options say otherwise.
const DefaultMaxDelete = 20

func (o Options) check() error {
	switch {
	case o.Estate == "":
		return errors.New("the estate has no name: it stands in every pipeline's mark and id")
	case o.MaxDelete < 0 || o.MaxDelete > 100:
		return fmt.Errorf("the largest share to delete is %d: use a percentage from 1 to 100", o.MaxDelete)
	}
	return nil
}

// branch is where a stack's values stand: a stack that a migration added, on the migration's branch.
func (o Options) branch(e *estate.Estate, s estate.Stack) string {
	if m, ok := e.Migration(s.Migration); ok && !s.Migration.IsZero() {
		return m.Branch
	}
	if o.Base == "" {
		return "main"
	}
	return o.Base
}

// Pipeline is one generated pipeline: a template, made for a service in a stack.
type Pipeline struct {
	Service  estate.ServiceID
	Stack    estate.StackName
	Template estate.TemplateName
	Document pipeline.Document
}

func (p Pipeline) String() string {
	return fmt.Sprintf("%s %s %s", p.Service, p.Stack, p.Template)
}

// Pipelines makes the pipelines of every service that has the stack, sorted by service and template. The documents
// are checked, marked, and have their ids. All errors are joined, each with the template's file and line, the
// service and the stack; then no pipeline is returned, because half a stack must not be saved.
func Pipelines(e *estate.Estate, product estate.ProductName, stack estate.StackName, o Options) ([]Pipeline, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	p, ok := e.Product(product)
	if !ok {
		return nil, fmt.Errorf("product %s is not in cutover.yaml", product)
	}
	if _, ok := p.Stack(stack); !ok {
		return nil, fmt.Errorf("product %s has no stack %s", product, stack)
	}
	g := &generation{estate: e, product: p, options: o, templates: make(map[estate.TemplateName]*parsedTemplate)}
	g.parse(stack)
	for _, s := range e.InStack(product, stack) {
		st, _ := s.Stack(stack)
		names := slices.Clone(st.Pipelines)
		slices.SortFunc(names, func(a, b estate.TemplateName) int { return strings.Compare(a.String(), b.String()) })
		for _, name := range names {
			g.add(s, st, name)
		}
	}
	g.sameName()
	if len(g.errs) > 0 {
		return nil, errors.Join(g.errs...)
	}
	return g.pipelines, nil
}

// generation is one run of Pipelines.
type generation struct {
	estate    *estate.Estate
	product   estate.Product
	options   Options
	templates map[estate.TemplateName]*parsedTemplate
	pipelines []Pipeline
	errs      []error
}

// parse reads each template that the stack uses. A template that cannot be read is one error, not one per service.
func (g *generation) parse(stack estate.StackName) {
	users := make(map[estate.TemplateName][]string)
	var names []estate.TemplateName
	for _, s := range g.estate.InStack(g.product.Name, stack) {
		st, _ := s.Stack(stack)
		for _, name := range st.Pipelines {
			if users[name] == nil {
				names = append(names, name)
			}
			users[name] = append(users[name], s.String())
		}
	}
	for _, name := range names {
		t, ok := g.estate.Template(name)
		if !ok {
			g.errs = append(g.errs, fmt.Errorf("%s %s: template %s is not in cutover.yaml", users[name][0], stack, name))
			continue
		}
		parsed, err := parseTemplate(t)
		if err == nil {
			g.templates[name] = parsed
			continue
		}
		who := users[name][0]
		if n := len(users[name]); n > 1 {
			who = fmt.Sprintf("%s and %d more", who, n-1)
		}
		g.errs = append(g.errs, err.of(who, stack))
	}
}

// of says for which service a template fails.
func (e *lineError) of(service string, stack estate.StackName) error {
	return &lineError{e.path, e.line, fmt.Errorf("%s %s: %w", service, stack, e.err)}
}

// add makes one pipeline.
func (g *generation) add(s estate.Service, st estate.ServiceStack, name estate.TemplateName) {
	t, ok := g.templates[name]
	if !ok {
		return
	}
	ids := func(service, template string, stack ...string) (string, error) {
		return g.reference(st.Name.String(), service, template, stack)
	}
	r, err := t.render(newContext(g.estate, g.product, s, st, g.options), ids)
	if err != nil {
		g.errs = append(g.errs, err.of(s.String(), st.Name))
		return
	}
	for _, problem := range g.finish(r.document, s) {
		g.errs = append(g.errs, r.problem(problem).of(s.String(), st.Name))
	}
	document := pipeline.Mark(r.document, pipeline.Ownership{
		Estate: g.options.Estate, Product: s.Product.String(), Namespace: s.Namespace.String(),
		Service: s.Name.String(), Stack: st.Name.String(), Template: name.String(),
	})
	document["id"] = g.id(s.Name, st.Name, name)
	for _, problem := range pipeline.Check(document) {
		g.errs = append(g.errs, r.problem(problem).of(s.String(), st.Name))
	}
	g.pipelines = append(g.pipelines, Pipeline{s.ServiceID, st.Name, name, document})
}

// finish refuses what a template must leave to the generator.
func (g *generation) finish(d pipeline.Document, s estate.Service) []error {
	var errs []error
	for _, key := range []string{"id", "cutover"} {
		if _, set := d[key]; set {
			errs = append(errs, fmt.Errorf("%s is set by the generator: remove it", key))
		}
	}
	if app := d.Application(); app != "" && app != s.Name.String() {
		errs = append(errs, fmt.Errorf("application is %q: a service's pipelines belong to the application of its name, {{ .Service.Name }}", app))
	}
	return errs
}

// id leaves the namespace out: a service that moves to another one keeps its application and its pipelines.
func (g *generation) id(service estate.ServiceName, stack estate.StackName, template estate.TemplateName) string {
	return pipeline.ID(g.options.Estate, service.String(), strings.Join([]string{g.product.Name.String(), stack.String(), template.String()}, "/"))
}

// reference is the template function pipelineID: the id of another generated pipeline of the product.
func (g *generation) reference(own, service, template string, stack []string) (string, error) {
	if len(stack) > 1 {
		return "", errors.New(`write pipelineID "service" "template" "stack", or leave the stack out for this one's`)
	}
	if len(stack) == 1 {
		own = stack[0]
	}
	name, err := estate.ParseServiceName(service)
	if err != nil {
		return "", err
	}
	s, ok := g.estate.Service(g.product.Name, name)
	if !ok {
		return "", fmt.Errorf("product %s has no service %q", g.product.Name, service)
	}
	for _, st := range s.Stacks {
		for _, t := range st.Pipelines {
			if st.Name.String() == own && t.String() == template {
				return g.id(s.Name, st.Name, t), nil
			}
		}
	}
	return "", fmt.Errorf("service %s has no pipeline %q in stack %q", s.ServiceID, template, own)
}

// sameName refuses pipelines that Front50 cannot tell apart: it takes names without regard to case.
func (g *generation) sameName() {
	first := make(map[string]Pipeline)
	for _, p := range g.pipelines {
		key := nameKey(p.Document)
		if other, taken := first[key]; taken {
			g.errs = append(g.errs, fmt.Errorf("%s and %s both make the pipeline %q of application %q: give one another name",
				other, p, strings.TrimSpace(p.Document.Name()), p.Document.Application()))
			continue
		}
		first[key] = p
	}
}

// nameKey is equal for two pipelines that Front50 takes for the same name.
func nameKey(d pipeline.Document) string {
	return strings.ToLower(d.Application()) + "\x00" + strings.ToLower(strings.TrimSpace(d.Name()))
}
