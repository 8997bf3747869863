package spinnaker

import (
	"net/http/httptest"
	"testing"
	"time"

	"cutover/reconciler/contract"
	"cutover/reconciler/remote/gate"
)

// serve starts a stand-in and returns it with its address.
func serve(tb testing.TB, c Config) (*Server, string) {
	tb.Helper()
	s, err := New(c)
	if err != nil {
		tb.Fatal(err)
	}
	web := httptest.NewServer(s.Handler())
	tb.Cleanup(func() {
		web.Close()
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s, web.URL
}

func newClient(tb testing.TB, endpoint string) *gate.Client {
	tb.Helper()
	client, err := gate.New(gate.Config{Endpoint: endpoint, HTTPTimeout: 10 * time.Second, RetryFor: 5 * time.Second})
	if err != nil {
		tb.Fatal(err)
	}
	return client
}

func TestContract(t *testing.T) {
	_, endpoint := serve(t, Config{})
	contract.Pipelines(t, func(t *testing.T) contract.PipelineStore { return newClient(t, endpoint) })
}
