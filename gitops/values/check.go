package values

import (
	"slices"
	"strconv"

	"cutover/gitops/estate"
)

// ownBranch is the branch of a migration: the daemon finds migrations by it, and the commands by its name.
func ownBranch(name estate.MigrationName) string { return "migration/" + name.String() }

func itoa(i int) string { return strconv.Itoa(i) }

// checkMigrations finds what contradicts the rest of the estate in the migrations' specifications, and adds
// them to it.
func (p *pass) checkMigrations() {
	for _, m := range p.migrations {
		p.estate.Migrations = append(p.estate.Migrations, m.spec)
		if !m.file.sound() {
			continue
		}
		if own := ownBranch(m.spec.Name); m.spec.Branch != own && m.spec.Branch != "" { // "" is reported by the schema
			m.file.report([]string{"branch"}, "branch %s is not that of migration %s: write %s, or leave the key out", m.spec.Branch, m.spec.Name, own)
		}
		m.checkEdge()
		m.checkSmoke()
		for i, d := range m.spec.DNS {
			if d.From == d.To && d.From != "" {
				m.file.report([]string{"dns", itoa(i), "to"}, "record %s has the same target before and after", quote(d.Name))
			}
		}
		if p.main.knows("clusters") {
			p.checkClusters(m)
		}
		if p.main.knows("products") {
			p.checkProduct(m)
		}
	}
}

// checkClusters checks clusters and accounts against cutover.yaml.
func (p *pass) checkClusters(m *migrationFiles) {
	spec, f := &m.spec, m.file
	for place, cluster := range map[string]estate.ClusterName{"from": spec.From.Cluster, "to": spec.To.Cluster} {
		if _, known := p.estate.Cluster(cluster); !known && !cluster.IsZero() {
			f.report([]string{place, "cluster"}, "cluster %s is not in cutover.yaml%s", cluster, suggest(cluster.String(), p.main.keys("clusters")))
		}
	}
	if spec.From.Cluster == spec.To.Cluster && !spec.To.Cluster.IsZero() {
		f.report([]string{"to", "cluster"}, "the product would stay in cluster %s: name the new cluster", spec.To.Cluster)
	}
	for i, account := range spec.Swap {
		owns := func(c estate.Cluster) bool { return c.Account == account }
		if account != "" && !slices.ContainsFunc(p.estate.Clusters, owns) {
			f.report([]string{"swap", "accounts", itoa(i)}, "no cluster of cutover.yaml has the account %s", quote(account))
		}
	}
}

// checkProduct checks the product, its stacks and its services.
func (p *pass) checkProduct(m *migrationFiles) {
	spec, f := &m.spec, m.file
	if spec.Product.IsZero() {
		return // reported by the schema
	}
	product, known := p.estate.Product(spec.Product)
	if !known {
		f.report([]string{"product"}, "product %s is not in cutover.yaml%s", spec.Product, suggest(spec.Product.String(), p.main.keys("products")))
		return
	}
	from, known := product.Stack(spec.From.Stack)
	switch {
	case spec.From.Stack.IsZero(): // reported by the schema
	case !known:
		f.report([]string{"from", "stack"}, "%s", p.noStack(product, spec.From.Stack.String()))
	case from.Cluster != spec.From.Cluster && !spec.From.Cluster.IsZero() && spec.Marker.Phase < estate.Swap:
		f.report([]string{"from", "cluster"}, "stack %s runs in cluster %s, says cutover.yaml, not in %s", from.Name, from.Cluster, spec.From.Cluster)
	}
	if to, taken := product.Stack(spec.To.Stack); taken && to.Migration != spec.Name {
		f.report([]string{"to", "stack"}, "product %s has a stack %s already: name a new one, the migration adds it", product.Name, to.Name)
	}
	p.checkServices(m, product)
	p.checkBreakGlass(m, product)
}

// checkServices checks that the services that a migration names exist, are of the class that they are named as,
// and have the stack that moves.
func (p *pass) checkServices(m *migrationFiles, product estate.Product) {
	for i, link := range m.spec.Singletons {
		at := []string{"singletons", itoa(i)}
		p.checkService(m, product, below(at, "service"), link.Service, estate.Singleton)
		for j, client := range link.Clients {
			p.checkService(m, product, below(below(at, "clients"), itoa(j)), client, estate.StatefulClient)
		}
		if link.Address.From == link.Address.To && link.Address.To != "" {
			m.file.report(below(below(at, "address"), "to"), "the address of %s is the same in both clusters", link.Service)
		}
	}
	for i, name := range m.spec.Exclusive {
		p.checkService(m, product, []string{"exclusive", "order", itoa(i)}, name, estate.Exclusive)
	}
}

func (p *pass) checkService(m *migrationFiles, product estate.Product, place []string, name estate.ServiceName, want estate.Class) {
	service, known := p.checkMoves(m.file, m, product, place, name)
	if known && service.Class != want {
		m.file.report(place, "service %s is of class %s, but only one of class %s belongs here", name, service.Class, want)
	}
}

// checkMoves checks that a service that a file of a migration names exists and has the stack that moves. It returns the
// service, or false if nothing is known of it.
func (p *pass) checkMoves(f *file, m *migrationFiles, product estate.Product, place []string, name estate.ServiceName) (estate.Service, bool) {
	service, known := p.estate.Service(product.Name, name)
	doubtful := p.doubtful[estate.ServiceID{Product: product.Name, Name: name}]
	if !known && !doubtful && !name.IsZero() {
		var names []string
		for _, s := range p.estate.Services {
			if s.Product == product.Name {
				names = append(names, s.Name.String())
			}
		}
		f.report(place, "product %s has no service %s%s", product.Name, name, suggest(name.String(), names))
	}
	if !known || doubtful {
		return estate.Service{}, false
	}
	if _, moves := product.Stack(m.spec.From.Stack); !moves {
		return service, true // checkProduct reports it
	}
	if _, has := service.Stack(m.spec.From.Stack); !has {
		f.report(place, "service %s has no stack %s, so it does not move", name, m.spec.From.Stack)
	}
	return service, true
}

func (m *migrationFiles) checkEdge() {
	edge := m.spec.Edge
	last, complete := 0, true
	for i, step := range edge.Steps {
		if step.Weight == 0 { // reported by the schema
			complete = false
		} else if step.Weight <= last {
			m.file.report([]string{"edge", "steps", itoa(i), "weight"}, "weight %d is not above the one before, %d", step.Weight, last)
		}
		last = max(last, step.Weight)
		if step.Bake == 0 && m.file.knows("edge") {
			m.file.report([]string{"edge", "steps", itoa(i), "bake"}, "a weight must stand for some time before it can be judged")
		}
	}
	if n := len(edge.Steps); n > 0 && complete && last != 100 {
		m.file.report([]string{"edge", "steps", itoa(n - 1), "weight"}, "the last weight is %d, but all traffic must move: end with 100", last)
	}
	if edge.From == edge.To && edge.To != "" {
		m.file.report([]string{"edge", "servers", "to"}, "the backend's two servers have the same name")
	}
	lines := map[string]int{}
	for i, a := range edge.Analysis {
		place := []string{"edge", "analysis", itoa(i)}
		m.checkUnique(lines, below(place, "name"), a.Name)
		if a.AtLeast != nil && a.AtMost != nil && *a.AtLeast > *a.AtMost {
			m.file.report(place, "no value is at least %v and at most %v", *a.AtLeast, *a.AtMost)
		}
	}
}

func (m *migrationFiles) checkSmoke() {
	lines := map[string]int{}
	for i, s := range m.spec.Smoke {
		m.checkUnique(lines, []string{"smoke", itoa(i), "name"}, s.Name)
	}
}

func (m *migrationFiles) checkUnique(lines map[string]int, place []string, name string) {
	if other := lines[name]; other > 0 && name != "" {
		m.file.report(place, "name %s is on line %d already", quote(name), other)
		return
	}
	lines[name] = m.file.line(place...)
}
