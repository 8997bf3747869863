package generator

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"

	"cutover/generator/pipeline"
	"cutover/gitops/estate"
)

// parsedTemplate is a pipeline template that is ready to run for many services.
type parsedTemplate struct {
	path string
	*template.Template
}

// lineError is an error at a line of a template, or at no line if that is 0.
type lineError struct {
	path string
	line int
	err  error
}

func (e *lineError) Error() string {
	if e.line == 0 {
		return fmt.Sprintf("%s: %v", e.path, e.err)
	}
	return fmt.Sprintf("%s:%d: %v", e.path, e.line, e.err)
}

func (e *lineError) Unwrap() error { return e.err }

// parseTemplate reads a pipeline template.
func parseTemplate(t estate.Template) (*parsedTemplate, *lineError) {
	funcs := functions()
	funcs[traceFunc] = func(int, bool) (string, error) { return "", nil }
	funcs["pipelineID"] = func(string, string, ...string) (string, error) { return "", nil }
	parsed, err := template.New(t.Path).Option("missingkey=error").Funcs(funcs).Parse(t.Text)
	if err != nil {
		return nil, templateError(t.Path, err)
	}
	instrument(parsed, t.Text)
	return &parsedTemplate{t.Path, parsed}, nil
}

// render makes the document that the template says for one context. ids answers pipelineID.
func (t *parsedTemplate) render(context any, ids func(string, string, ...string) (string, error)) (*rendered, *lineError) {
	run, err := t.Clone()
	if err != nil {
		return nil, templateError(t.path, err)
	}
	out := &trace{}
	run.Funcs(template.FuncMap{traceFunc: out.node, "pipelineID": ids})
	if err := run.Execute(out, context); err != nil {
		return nil, templateError(t.path, err)
	}
	r := &rendered{trace: out, path: t.path}
	if err := r.parse(); err != nil {
		return nil, r.yamlError(err)
	}
	return r, nil
}

// templateMessage is how text/template begins its errors: "template: NAME:LINE:COLUMN: executing NAME at <...>: ".
var templateMessage = regexp.MustCompile(`(?s)^:?(\d+)?(?::\d+)?: (?:executing "[^"]*" )?(.*)$`)

func templateError(path string, err error) *lineError {
	message := strings.TrimPrefix(err.Error(), "template: "+path)
	line := 0
	if m := templateMessage.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		message = m[2]
	}
	return &lineError{path, line, errors.New(message)}
}

// rendered is a template's output.
type rendered struct {
	*trace
	path     string
	root     *yaml.Node
	document pipeline.Document
}

// parse reads the output as YAML that holds one JSON object.
func (r *rendered) parse() error {
	dec := yaml.NewDecoder(strings.NewReader(r.out.String()))
	var document yaml.Node
	if err := dec.Decode(&document); errors.Is(err, io.EOF) {
		return errors.New("the template gives nothing: a pipeline is an object")
	} else if err != nil {
		return err
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("the template gives more than one YAML document: one template makes one pipeline")
	}
	r.root = document.Content[0]
	if r.root.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: a pipeline is an object", r.root.Line)
	}
	if err := jsonOnly(r.root); err != nil {
		return err
	}
	var v map[string]any
	if err := r.root.Decode(&v); err != nil {
		return err
	}
	var err error
	r.document, err = pipeline.Normalize(v)
	return err
}

// jsonOnly takes dates for the texts that they are, and refuses what JSON cannot say.
func jsonOnly(n *yaml.Node) error {
	switch tag := n.ShortTag(); {
	case tag == "!!timestamp":
		n.Tag = "!!str"
	case n.Kind == yaml.ScalarNode && tag != "!!str" && tag != "!!int" && tag != "!!float" && tag != "!!bool" && tag != "!!null" && tag != "!!merge":
		return fmt.Errorf("line %d: JSON has no %s", n.Line, tag)
	}
	for i, child := range n.Content {
		if err := jsonOnly(child); err != nil {
			return err
		}
		if key := resolved(child); n.Kind == yaml.MappingNode && i%2 == 0 {
			if tag := key.ShortTag(); tag != "!!str" && tag != "!!merge" {
				return fmt.Errorf("line %d: key %s is no text: put it in quotes", child.Line, key.Value)
			}
		}
	}
	return nil
}

var (
	yamlLine = regexp.MustCompile(`line (\d+): `)
	// yamlParser begins the errors of the library's parser, which counts lines from 0; its scanner counts from 1.
	yamlParser = regexp.MustCompile(`^did not find expected (<|node content|'-'|key|',')`)
)

// yamlError leads an error from a line of the output back to the template, and quotes the line that people cannot see.
func (r *rendered) yamlError(err error) *lineError {
	message := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "yaml: "), "unmarshal errors:\n  ")
	message = strings.ReplaceAll(message, "\n  ", "; ")
	m := yamlLine.FindStringSubmatch(message)
	if m == nil {
		return &lineError{r.path, 0, errors.New(message)}
	}
	number, _ := strconv.Atoi(m[1])
	message = strings.Replace(message, m[0], "", 1)
	if yamlParser.MatchString(message) {
		number++
	}
	quoted := ""
	if lines := strings.Split(r.out.String(), "\n"); number >= 1 && number <= len(lines) {
		quoted = fmt.Sprintf(", which reads %.120q", lines[number-1])
	}
	return &lineError{r.path, r.line(number), fmt.Errorf("%s (at line %d of the output%s)", message, number, quoted)}
}

// problem leads a problem of the document back to the template: to the line of its stage, or of its first key.
func (r *rendered) problem(err error) *lineError {
	line := r.root.Line
	var p *pipeline.Problem
	if errors.As(err, &p) && p.Stage >= 0 {
		if stages, ok := lookup(r.root, "stages"); ok && p.Stage < len(stages.Content) {
			line = stages.Content[p.Stage].Line
		}
	}
	return &lineError{r.path, r.line(line), err}
}
