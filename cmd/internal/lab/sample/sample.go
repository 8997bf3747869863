// Package sample is the values repository of a made-up company, for the lab, the demo and the tests. Its product
// orbit has 78 services in six namespaces; 74 of them run in production.
//
// The files are written as people write them, in one archive (package txtar) for each namespace. Nothing here is
// generated: to change the sample, edit the archives.
package sample

import (
	"cmp"
	"embed"
	"fmt"
	"path"
	"slices"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"

	"cutover/charts"
	"cutover/gitops/estate"
)

//go:embed *.txtar
var archives embed.FS

//go:embed versions.yaml
var versions []byte

// Files returns the whole values repository, sorted by path. The charts are copies of the program's own. The
// repository has no phase.yaml: a migration begins when somebody pushes one.
func Files() []estate.File {
	var files []estate.File
	for _, archive := range estate.Must(archives.ReadDir(".")) {
		for _, f := range txtar.Parse(estate.Must(archives.ReadFile(archive.Name()))).Files {
			files = append(files, estate.File{Path: f.Name, Data: f.Data})
		}
	}
	for _, name := range charts.Names() {
		chart, _ := charts.Files(name)
		for _, f := range chart {
			files = append(files, estate.File{Path: path.Join("charts", name, f.Path), Data: f.Data})
		}
	}
	slices.SortFunc(files, func(a, b estate.File) int { return cmp.Compare(a.Path, b.Path) })
	return files
}

// Versions returns the image version that each service of stack prod runs at in the old cluster, by
// "namespace/service".
func Versions() map[string]estate.Version {
	var texts map[string]string
	if err := yaml.Unmarshal(versions, &texts); err != nil {
		panic(fmt.Sprintf("versions.yaml: %v", err))
	}
	parsed := make(map[string]estate.Version, len(texts))
	for service, text := range texts {
		parsed[service] = estate.Must(estate.ParseVersion(text))
	}
	return parsed
}

// poolLabel is the node label that services choose their nodes by.
const poolLabel = "orbit.example.com/pool"

// NodeLabels returns the labels that the services' node selectors want of a cluster's nodes: one set for each pool
// of nodes. Each must be on a node, or the services of that pool stay pending.
func NodeLabels(cluster estate.ClusterName) []map[string]string {
	prefix := "kops-"
	if cluster.String() == "orbit-prod2" {
		prefix = "eks-"
	}
	return []map[string]string{{poolLabel: prefix + "billing"}, {poolLabel: prefix + "media"}}
}
