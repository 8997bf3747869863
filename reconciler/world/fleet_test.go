package world_test

import (
	"math"
	"testing"
	"time"

	"cutover/reconciler/contract"
	"cutover/reconciler/world"
)

// sample is a world of the sample's estate in which nothing runs yet.
func sample(t *testing.T) *world.World {
	t.Helper()
	w, err := world.New(world.Options{Empty: true, Files: world.SampleFiles(), Start: time.Now().Add(-time.Hour)})
	must(t, err)
	return w
}

func TestEdge(t *testing.T) {
	contract.Edge(t, func(t *testing.T) contract.EdgeWorld {
		w := sample(t)
		edge := w.Migration().Edge
		return contract.EdgeWorld{
			Fleet: w.Start().Ports().Fleet, Names: edge.Proxies, Backend: edge.Backend, From: edge.From, To: edge.To,
			Send:    func(_ *testing.T, proxy string, n int) { w.Send(proxy, n) },
			Fail:    func(_ *testing.T, share float64) { w.Ail(w.Migration().To.Cluster, world.Illness{Errors: share}) },
			Ignore:  func(_ *testing.T, share float64) { w.Ail(w.Migration().To.Cluster, world.Illness{Silent: share}) },
			Down:    func(_ *testing.T) { w.Ail(w.Migration().To.Cluster, world.Illness{Down: true}) },
			Guard:   func(_ *testing.T, proxy string) { w.Guard(proxy, time.Hour) },
			Mislay:  func(_ *testing.T, proxy string) { w.Mislay(proxy, time.Hour) },
			Stop:    func(_ *testing.T, proxy string) { w.StopProxy(proxy) },
			Start:   func(_ *testing.T, proxy string) { w.StartProxy(proxy) },
			Reload:  func(_ *testing.T, proxy string) { w.Reload(proxy) },
			Add:     func(_ *testing.T, proxy, server string) { w.AddServer(proxy, server) },
			TakeOut: func(_ *testing.T, proxy, server string) { w.TakeOut(proxy, server) },
		}
	})
}

func TestRoles(t *testing.T) {
	contract.Roles(t, func(t *testing.T) contract.RoleHost {
		w := empty(t)
		return contract.RoleHost{
			Store:  w.Start().Ports().IAM,
			Create: func(_ *testing.T, name string, principals ...string) { w.AddRole(name, principals...) },
			Deny:   func(_ *testing.T, name, principal string) { w.DenyPrincipal(name, principal) },
			Spoil:  func(_ *testing.T, name string) { w.SpoilRole(name) },
			Policy: func(_ *testing.T, name string) string { return w.Policy(name) },
		}
	})
}

func TestMeasurements(t *testing.T) {
	w := empty(t)
	queries := contract.Queries{
		Number: "number", Zero: "zero", Negative: "negative", Nothing: "nothing", NotANumber: "nan", Infinite: "inf",
		Several: "several", Wrong: "sum(",
	}
	w.SetMetric(queries.Number, 42.5)
	w.SetMetric(queries.Zero, 0)
	w.SetMetric(queries.Negative, -1)
	w.SetMetric(queries.NotANumber, math.NaN())
	w.SetMetric(queries.Infinite, math.Inf(1))
	w.SetMetric(queries.Several, 1, 2)
	contract.Measurements(t, func(*testing.T) contract.Measurer { return w.Another().Ports().Prometheus }, queries)
}
