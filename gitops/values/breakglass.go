package values

import (
	"slices"
	"strings"
	"time"

	"cutover/gitops/estate"
)

// readBreakGlass reads break-glass.yaml. Whether an exception has ended already is not for a file to say.
func (p *pass) readBreakGlass(m *migrationFiles) {
	if m.opened = p.open(m.spec.BreakGlassPath(), breakGlassKind); !m.opened.sound() {
		return
	}
	var entries []*struct{ Service, By, Reason, Until string }
	if err := m.opened.decode(&entries); err != nil {
		m.opened.report(nil, "%s", err)
		return
	}
	first := map[string]int{} // the line of each service
	for i, e := range entries {
		if e == nil || e.Service == "" || e.By == "" || e.Reason == "" || e.Until == "" {
			continue // the schema has reported it, and half an exception opens nothing
		}
		until, err := time.Parse(time.RFC3339, strings.ToUpper(e.Until))
		if err != nil {
			m.opened.report([]string{itoa(i), "until"}, "%s is no time of the calendar", quote(e.Until))
			continue
		}
		if line := first[e.Service]; line > 0 {
			m.opened.report([]string{itoa(i), "service"}, "service %s is on line %d already: one exception each, until the later time", e.Service, line)
			continue
		}
		first[e.Service] = m.opened.line(itoa(i), "service")
		m.spec.Opened = append(m.spec.Opened, estate.BreakGlass{
			Service: parsed(estate.ParseServiceName, e.Service), By: e.By, Reason: e.Reason, Until: until.UTC(),
		})
	}
	slices.SortFunc(m.spec.Opened, func(a, b estate.BreakGlass) int { return strings.Compare(a.Service.String(), b.Service.String()) })
}

// checkBreakGlass checks that the services of the exceptions that have not ended exist and are held by the freeze.
func (p *pass) checkBreakGlass(m *migrationFiles, product estate.Product) {
	if !m.opened.sound() {
		return
	}
	var entries []*struct{ Service, Until string }
	if err := m.opened.decode(&entries); err != nil {
		return // reported when the file was read
	}
	for i, e := range entries {
		if e == nil {
			continue
		}
		until, err := time.Parse(time.RFC3339, strings.ToUpper(e.Until))
		if ended := err == nil && !until.After(p.now); !ended {
			p.checkMoves(m.opened, m, product, []string{itoa(i), "service"}, parsed(estate.ParseServiceName, e.Service))
		}
	}
}
