package lab

import (
	"encoding/json"
	"net/http"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"cutover/reconciler/contract/labtest"
)

// handler is the edge's control server. Package labtest is its client, and tests use that.
//
//	GET    /metrics                                    counters of all upstreams
//	POST   /fleets                                     {"old": NAME, "new": NAME} makes a fleet
//	DELETE /fleets/F                                   ends it
//	POST   /fleets/F/proxies/P/{reload,stop,start}     as a service manager does
//	POST   /fleets/F/proxies/P/{hang,resume}           its processes stand still: it accepts, and never answers
//	GET    /fleets/F/upstreams/{old,new}               counts requests
//	PUT    /fleets/F/upstreams/{old,new}               says what goes wrong
func (e *edge) handler() http.Handler {
	mux := http.NewServeMux()
	registry := prometheus.NewRegistry()
	registry.MustRegister(e.requests)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("POST /fleets", e.postFleet)
	mux.HandleFunc("DELETE /fleets/{fleet}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, e.remove(r.PathValue("fleet")))
	})
	mux.HandleFunc("POST /fleets/{fleet}/proxies/{proxy}/{verb}", e.postProxy)
	mux.HandleFunc("/fleets/{fleet}/upstreams/{upstream}", e.upstream)
	return mux
}

func (e *edge) postFleet(w http.ResponseWriter, r *http.Request) {
	var clusters map[string]string
	if err := json.NewDecoder(r.Body).Decode(&clusters); err != nil {
		answer(w, err)
		return
	}
	f, err := e.add(r.Context(), "", clusters)
	if err != nil {
		answer(w, err)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(e.describe(f))
}

func (e *edge) postProxy(w http.ResponseWriter, r *http.Request) {
	f := e.fleet(r.PathValue("fleet"))
	if f == nil {
		http.NotFound(w, r)
		return
	}
	p, ok := f.proxy(r.PathValue("proxy"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	switch r.PathValue("verb") {
	case "reload":
		answer(w, p.reload(r.Context()))
	case "stop":
		p.stop()
		answer(w, nil)
	case "start":
		answer(w, p.start(r.Context()))
	case "hang":
		answer(w, p.signal(syscall.SIGSTOP))
	case "resume":
		answer(w, p.signal(syscall.SIGCONT))
	default:
		http.NotFound(w, r)
	}
}

func (e *edge) upstream(w http.ResponseWriter, r *http.Request) {
	f := e.fleet(r.PathValue("fleet"))
	if f == nil || f.upstreams[r.PathValue("upstream")] == nil {
		http.NotFound(w, r)
		return
	}
	u := f.upstreams[r.PathValue("upstream")]
	switch r.Method {
	case http.MethodGet:
		_ = json.NewEncoder(w).Encode(u.counted())
	case http.MethodPut:
		var trouble labtest.Trouble
		if err := json.NewDecoder(r.Body).Decode(&trouble); err != nil {
			answer(w, err)
			return
		}
		answer(w, u.setTrouble(trouble))
	default:
		http.Error(w, "GET or PUT", http.StatusMethodNotAllowed)
	}
}

// answer says that something was done, or why not.
func answer(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
