package e2e

import (
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"

	"cutover/gitops/estate"
)

// small is a product with two services of each class, for tests that run it many times. PRODUCT is replaced by a name of
// the test's own, because the clusters are shared.
const small = `
-- cutover.yaml --
apiVersion: cutover/v1
kind: Estate
clusters:
  orbit-prod:  {account: orbit-prod,  secrets: k8s-secret/PRODUCT-prod}
  orbit-prod2: {account: orbit-prod2, secrets: k8s-secret/PRODUCT-prod2}
charts:
  workload: {from: "builtin:workload"}
  routing:  {from: "builtin:routing"}
templates:
  deploy: {from: "builtin:deploy"}
products:
  PRODUCT:
    stacks:
      prod: {cluster: orbit-prod}
-- migrations/move/migration.yaml --
apiVersion: cutover/v1
kind: Migration
product: PRODUCT
from: {stack: prod,  cluster: orbit-prod}
to:   {stack: prod2, cluster: orbit-prod2}
branch: migration/move
values:
  rewrite:
    - {path: "gateway.hosts[*]", suffix: .example.com, with: .eks.example.com}
trust: {principal: "arn:aws:iam::123456789012:role/nodes.new", roles: []}
deploy: {parallel: 4}
`

var smallServices = []struct{ namespace, name, class, values, prod string }{
	{"core", "api", "stateful-client", "port: 8080\nenv: {MATCH_ADDR: {secret: {name: api-match, key: MATCH_ADDR}}, DB: {secret: {name: api-db, key: password}}}", "replicas: 2\ngateway:\n  hosts: [api.example.com]"},
	{"core", "match", "singleton", "kind: StatefulSet\nport: 7000", "replicas: 1"},
	{"core", "profile", "stateless", "port: 8080", "replicas: 2\ngateway:\n  hosts:\n    - profile.example.com   # people link to it"},
	{"core", "search", "stateless", "port: 8080", "replicas: 1"},
	{"push", "reminder", "exclusive", "kind: CronJob\nschedule: \"*/5 * * * *\"", "env: {REGION: {value: here}}"},
	{"push", "sender", "exclusive", "port: 8080", "replicas: 1"},
}

// smallEstate is the values repository of the product, and the versions that its old cluster runs.
func smallEstate(product string) ([]estate.File, map[string]estate.Version) {
	var files []estate.File
	add := func(path, text string) {
		files = append(files, estate.File{Path: path, Data: []byte(strings.ReplaceAll(text, "PRODUCT", product))})
	}
	for _, f := range txtar.Parse([]byte(small)).Files {
		add(f.Name, string(f.Data))
	}
	versions := map[string]estate.Version{}
	for i, s := range smallServices {
		namespace := product + "-" + s.namespace
		dir := "deploy-values/" + product + "/" + namespace + "/" + s.name + "/"
		add(dir+"service.yaml", fmt.Sprintf("class: %s\nteam: core\nrepository: %s/%s\nstacks:\n  prod: {pipelines: [deploy]}\n", s.class, product, s.name))
		add(dir+"values.yaml", fmt.Sprintf("image: registry.example.com/%s/%s\n%s\n", product, s.name, s.values))
		add(dir+"prod-values.yaml", s.prod+"\n")
		versions[namespace+"/"+s.name] = estate.Must(estate.ParseVersion(fmt.Sprintf("1.%d.0", i)))
	}
	return files, versions
}
