package secretsync

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// longestPass is how long a pass may take before the program is thought to hang. Each of its requests has a much
// shorter deadline; a root of many thousand secrets takes minutes.
const longestPass = 10 * time.Minute

// handler serves /healthz, /readyz and /metrics. That Vault is away makes the program neither unhealthy nor, once it
// was ready, unready: a restart would lose what the last reading said.
func handler(r *report, registry prometheus.Gatherer, interval time.Duration) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		r.mu.Lock()
		silent := time.Since(r.begun)
		r.mu.Unlock()
		if silent > 2*interval+longestPass {
			http.Error(w, "no pass has begun for "+silent.Round(time.Second).String(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		r.mu.Lock()
		complete := r.complete
		r.mu.Unlock()
		if !complete {
			http.Error(w, "Vault has not been read completely yet", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}
