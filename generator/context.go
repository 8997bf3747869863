package generator

import (
	"path"
	"strings"

	"cutover/gitops/estate"
)

// valuesVersion is the version of every artifact of the values repository: the pipelines' parameter valuesBranch, a
// branch or a commit.
const valuesVersion = `${parameters["valuesBranch"]}`

// templateContext is what a pipeline template sees. docs/writing-templates.md explains it to those who write them.
type templateContext struct {
	Service    serviceContext
	Stack      stackContext
	Charts     []chartContext
	Parameters map[string]any // of the service's stack
	Repository string         // URL of the values repository
}

type serviceContext struct {
	Name, Namespace, Product, Class, Team, Repository string
}

type stackContext struct {
	Name, Account, Cluster string
	Branch                 string   // where the stack's values stand
	ValuesFiles            []string // paths in the values repository; a later file wins
}

// chartContext is a chart and the Spinnaker artifact that stands for it.
type chartContext struct {
	Name     string
	Artifact map[string]any
}

func newContext(e *estate.Estate, product estate.Product, s estate.Service, st estate.ServiceStack, o Options) templateContext {
	stack, _ := product.Stack(st.Name)
	cluster, _ := e.Cluster(stack.Cluster)
	c := templateContext{
		Service: serviceContext{
			Name: s.Name.String(), Namespace: s.Namespace.String(), Product: s.Product.String(),
			Class: s.Class.String(), Team: s.Team, Repository: s.Repository,
		},
		Stack: stackContext{
			Name: stack.Name.String(), Account: cluster.Account, Cluster: stack.Cluster.String(), Branch: o.branch(e, stack),
		},
		Parameters: copyMap(st.Parameters), // sprig's set and unset change what they are given
		Repository: o.Repository,
	}
	if c.Parameters == nil {
		c.Parameters = map[string]any{}
	}
	for _, f := range s.ValuesFiles(st) {
		c.Stack.ValuesFiles = append(c.Stack.ValuesFiles, f.Path)
	}
	for _, chart := range e.Charts {
		c.Charts = append(c.Charts, chartContext{chart.Name.String(), chartArtifact(chart, o.Repository)})
	}
	return c
}

// chartArtifact is where Spinnaker finds a chart.
func chartArtifact(c estate.Chart, repository string) map[string]any {
	switch c.From.Kind {
	case estate.FromPath:
		return map[string]any{
			"type": "git/repo", "name": c.From.Ref, "reference": repository, "version": valuesVersion,
			"metadata": map[string]any{"subPath": c.From.Ref},
		}
	case estate.FromOCI:
		name, version := strings.TrimPrefix(c.From.Ref, "oci://"), ""
		if at := strings.LastIndex(name, ":"); at > strings.LastIndex(name, "/") {
			name, version = name[:at], name[at+1:]
		}
		return map[string]any{"type": "helm/image", "name": path.Base(name), "reference": "oci://" + name, "version": version}
	default:
		return map[string]any{"type": "helm/chart", "name": c.From.Ref}
	}
}
