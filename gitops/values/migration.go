package values

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"cutover/gitops/estate"
)

const (
	migrationsDir   = "migrations"
	migrationLayout = "a migration's files are in migrations/<name>"
	specFile        = "migration.yaml"
	markerFile      = "phase.yaml"
	stacksFile      = "stacks.yaml"
	versionsFile    = "versions.yaml"
	breakGlassFile  = "break-glass.yaml"

	defaultParallel = 8
	defaultStatus   = 200
)

// duration is written as in "1h30m". Its schema admits only what fits into a time.Duration.
type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

type side struct{ Stack, Cluster string }

type specification struct {
	Product  string
	From, To side
	Branch   string

	Infrastructure []struct{ Namespace, Release string }

	Values struct{ Rewrite []estate.Rewrite }
	Trust  estate.Trust
	Deploy struct{ Parallel int }
	Smoke  []struct {
		Name     string
		HTTP     *estate.SmokeHTTP
		Job      *struct{ Namespace, CronJob string }
		Approval string
	}
	Alarms struct {
		Silence struct {
			Matchers []string
			AtMost   duration
		}
	}
	Edge struct {
		Proxies []string
		Backend string
		Servers struct{ From, To string }
		Auto    bool
		Steps   []struct {
			Weight int
			Bake   duration
		}
		Analysis []estate.Analysis
	}
	DNS        []estate.DNS
	Singletons []struct {
		Service string
		Clients []string
		Address estate.Address
	}
	Exclusive struct{ Order []string }
	Swap      struct{ Accounts []string }
	Cleanup   struct {
		After   duration
		Destroy string
	}
}

// migrationFiles are the files of one migration, and what was read of them.
type migrationFiles struct {
	spec     estate.Migration
	file     *file // migration.yaml
	stacks   map[string]stackEntry
	stacksOf string // the stack that stacks.yaml is of; "" if there is no such file
	versions map[string]string
	opened   *file // break-glass.yaml; nil if there is none
}

// readMigrations reads migrations/<name>.
func (p *pass) readMigrations() {
	for _, dir := range p.directories(migrationsDir, migrationLayout) {
		name, ok := named(p, dir, estate.ParseMigrationName)
		if !ok {
			continue
		}
		known := []string{specFile, markerFile, stacksFile, versionsFile, breakGlassFile}
		dirs, files := p.list(dir)
		for _, entry := range append(dirs, files...) {
			if !slices.Contains(known, entry) && (isYAML(entry) || slices.Contains(dirs, entry)) {
				p.report(path.Join(dir, entry), 1, "is never read: rename or delete it%s", suggest(entry, known))
			}
		}
		m := &migrationFiles{file: p.open(path.Join(dir, specFile), migrationKind)}
		m.spec.Name, m.spec.Path = name, dir
		if m.file.sound() {
			p.readSpecification(m)
		} else if !slices.Contains(files, specFile) {
			p.report(path.Join(dir, specFile), 1, "file is missing: restore it, or delete the directory when the migration is over")
		}
		p.readMarker(m)
		p.readGenerated(m)
		p.readBreakGlass(m)
		p.migrations = append(p.migrations, m)
	}
}

func (p *pass) readSpecification(m *migrationFiles) {
	var s specification
	if err := m.file.decode(&s); err != nil {
		m.file.report(nil, "%s", err)
		return
	}
	spec := &m.spec
	spec.Product = parsed(estate.ParseProductName, s.Product)
	spec.From, spec.To = s.From.parsed(), s.To.parsed()
	spec.Branch = s.Branch
	if !slices.Contains(m.file.keys(), "branch") {
		spec.Branch = ownBranch(spec.Name)
	}
	for _, r := range s.Infrastructure {
		spec.Infrastructure = append(spec.Infrastructure, estate.Release{Namespace: parsed(estate.ParseNamespaceName, r.Namespace), Name: r.Release})
	}
	spec.Rewrite, spec.Trust = s.Values.Rewrite, s.Trust
	if spec.Parallel = s.Deploy.Parallel; spec.Parallel == 0 {
		spec.Parallel = defaultParallel
	}
	for _, t := range s.Smoke {
		smoke := estate.Smoke{Name: t.Name, HTTP: t.HTTP, Approval: t.Approval}
		if t.HTTP != nil && t.HTTP.Status == 0 {
			t.HTTP.Status = defaultStatus
		}
		if t.Job != nil {
			smoke.Job = &estate.SmokeJob{Namespace: parsed(estate.ParseNamespaceName, t.Job.Namespace), CronJob: t.Job.CronJob}
		}
		spec.Smoke = append(spec.Smoke, smoke)
	}
	spec.Alarms = estate.Alarms{Matchers: s.Alarms.Silence.Matchers, AtMost: time.Duration(s.Alarms.Silence.AtMost)}
	spec.Edge = estate.Edge{Proxies: s.Edge.Proxies, Backend: s.Edge.Backend, From: s.Edge.Servers.From, To: s.Edge.Servers.To, Auto: s.Edge.Auto, Analysis: s.Edge.Analysis}
	for _, step := range s.Edge.Steps {
		spec.Edge.Steps = append(spec.Edge.Steps, estate.EdgeStep{Weight: step.Weight, Bake: time.Duration(step.Bake)})
	}
	spec.DNS = s.DNS
	for _, l := range s.Singletons {
		spec.Singletons = append(spec.Singletons, estate.Link{
			Service: parsed(estate.ParseServiceName, l.Service), Clients: serviceNames(l.Clients), Address: l.Address,
		})
	}
	spec.Exclusive = serviceNames(s.Exclusive.Order)
	copy(spec.Swap[:], s.Swap.Accounts)
	spec.Cleanup = estate.Removal{After: time.Duration(s.Cleanup.After), Destroy: s.Cleanup.Destroy}
}

func (s side) parsed() estate.Side {
	return estate.Side{Stack: parsed(estate.ParseStackName, s.Stack), Cluster: parsed(estate.ParseClusterName, s.Cluster)}
}

func serviceNames(list []string) []estate.ServiceName {
	var names []estate.ServiceName
	for _, s := range list {
		names = append(names, parsed(estate.ParseServiceName, s))
	}
	return names
}

// readGenerated reads stacks.yaml and versions.yaml.
func (p *pass) readGenerated(m *migrationFiles) {
	if f := p.open(m.spec.StacksPath(), stacksKind); f.sound() {
		var content struct {
			Stack    string
			Services map[string]stackEntry
		}
		if err := f.decode(&content); err != nil {
			f.report(nil, "%s", err)
			return
		}
		m.stacks, m.stacksOf = content.Services, content.Stack
		if want := m.spec.To.Stack.String(); m.file.knows("to") && content.Stack != "" && content.Stack != want {
			f.report([]string{"stack"}, "the file is of stack %s, but %s moves to stack %s: delete the file, it is generated again", quote(content.Stack), m.file.path, want)
		}
		for _, key := range slices.Sorted(maps.Keys(m.stacks)) {
			m.spec.Listed = append(m.spec.Listed, m.service(key))
		}
	}
	if f := p.open(m.spec.VersionsPath(), versionsKind); f.sound() {
		if err := f.decode(&m.versions); err != nil {
			f.report(nil, "%s", err)
		}
	}
}

// service parses "namespace/name", which the schema has checked.
func (m *migrationFiles) service(key string) estate.ServiceID {
	namespace, name, _ := strings.Cut(key, "/")
	return estate.ServiceID{
		Product:   m.spec.Product,
		Namespace: parsed(estate.ParseNamespaceName, namespace),
		Name:      parsed(estate.ParseServiceName, name),
	}
}

// overlay adds to the estate what the migrations generated: a stack of the product, and of each listed service
// that still exists.
func (p *pass) overlay() {
	for _, m := range p.migrations {
		spec := &m.spec
		i := slices.IndexFunc(p.estate.Products, func(product estate.Product) bool { return product.Name == spec.Product })
		if i < 0 || m.stacksOf == "" || m.stacksOf != spec.To.Stack.String() {
			continue
		}
		product := &p.estate.Products[i]
		if _, taken := product.Stack(spec.To.Stack); taken {
			continue // checkMigrations reports it
		}
		from, _ := product.Stack(spec.From.Stack)
		product.Stacks = append(product.Stacks, estate.Stack{
			Name: spec.To.Stack, Cluster: spec.To.Cluster, Deploy: from.Deploy, Migration: spec.Name,
		})
		for i := range p.estate.Services {
			service := &p.estate.Services[i]
			key := fmt.Sprintf("%s/%s", service.Namespace, service.Name)
			entry, listed := m.stacks[key]
			if service.Product != spec.Product || !listed {
				continue
			}
			stack := p.serviceStack(service.Path, spec.To.Stack, entry)
			stack.Version = parsed(estate.ParseVersion, m.versions[key])
			service.Stacks = append(service.Stacks, stack)
		}
	}
}
