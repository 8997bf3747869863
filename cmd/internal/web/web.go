// Package web is what the daemon says over HTTP: health, metrics, how each migration stands, and the git host's
// webhook.
package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"cutover/reconciler"
)

// Config is what the handler shows. Webhook may be nil; the rest is required.
type Config struct {
	Reports func() []reconciler.Report
	// Text prints reports for people.
	Text func(io.Writer, []reconciler.Report)
	// Ready says why the daemon cannot do its work yet, or nil.
	Ready   func() error
	Metrics prometheus.Gatherer
	Webhook http.Handler
	Log     *slog.Logger
}

// Handler serves /healthz, /readyz, /metrics, /status, /api/v1/migrations and /webhook.
func Handler(c Config) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := c.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(c.Metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /api/v1/migrations", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(c.Reports()); err != nil {
			c.Log.WarnContext(r.Context(), "answer not written", "path", r.URL.Path, "error", err)
		}
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		c.Text(w, c.Reports())
	})
	if c.Webhook != nil {
		mux.Handle("/webhook", c.Webhook)
	}
	return mux
}

// Serve answers on l until ctx ends, then lets requests under way finish.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(grace)
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
