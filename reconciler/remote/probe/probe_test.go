package probe

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/failure"
)

func TestProbe(t *testing.T) {
	u := labtest.Get(t).Alertmanager.URL
	for name, test := range map[string]struct {
		address string
		want    int
	}{
		"a page that is there": {u + "/-/healthy", 200},
		"one that is not":      {u + "/nothing", 404},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := New().Probe(t.Context(), test.address); err != nil || got != test.want {
				t.Errorf("Probe = %d, %v, want %d", got, err, test.want)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   int // 0 for an error
	}{
		"a redirect is not followed": {http.RedirectHandler("/elsewhere", http.StatusFound).ServeHTTP, 302},
		"an error is an answer":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, 503},
		"a body without end is cut off": {func(w http.ResponseWriter, _ *http.Request) {
			for chunk := make([]byte, 64<<10); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, 200},
		"a broken body changes nothing": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, 200},
		"a broken connection is temporary": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0},
		"an answer too late is temporary":  {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.answer)
			defer server.Close()
			p := New()
			p.client.Timeout = time.Second
			got, err := p.Probe(t.Context(), server.URL+"/healthz")
			switch {
			case got != test.want:
				t.Errorf("Probe = %d, %v, want %d", got, err, test.want)
			case test.want == 0 && !errors.Is(err, failure.ErrTransient):
				t.Errorf("error is %v, want one that is %v", err, failure.ErrTransient)
			case test.want != 0 && err != nil:
				t.Error(err)
			}
		})
	}
}

// The certificate is verified, and every probe is a connection of its own.
func TestConnections(t *testing.T) {
	addresses := map[string]bool{}
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { addresses[r.RemoteAddr] = true }))
	defer server.Close()
	if _, err := New().Probe(t.Context(), server.URL); !errors.Is(err, failure.ErrTransient) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("error is %v, want one about the certificate", err)
	}
	p := New()
	p.client.Transport.(*http.Transport).TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	for range 2 {
		if got, err := p.Probe(t.Context(), server.URL); err != nil || got != 200 {
			t.Errorf("Probe = %d, %v, want 200", got, err)
		}
	}
	if len(addresses) != 2 {
		t.Errorf("%d connections for 2 probes", len(addresses))
	}
}

func TestNoAnswer(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx     context.Context
		address string
		want    error
	}{
		"nobody listens":        {t.Context(), strings.Replace(closed.URL, "://", "://u:hunter2@", 1), failure.ErrTransient},
		"nobody has the name":   {t.Context(), "http://nobody.invalid/", failure.ErrTransient},
		"the caller gave up":    {ended, "http://nobody.invalid/", failure.ErrTransient},
		"there is no scheme":    {t.Context(), "api.example.com/healthz", failure.ErrRefused},
		"it is another scheme":  {t.Context(), "file:///etc/passwd", failure.ErrRefused},
		"it is nothing":         {t.Context(), "", failure.ErrRefused},
		"it is no URL":          {t.Context(), "http://[::1", failure.ErrRefused},
		"the password is bad":   {t.Context(), "http://u:hunter2@[::1", failure.ErrRefused},
		"there is no such port": {t.Context(), "http://localhost:99999/", failure.ErrTransient},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New().Probe(test.ctx, test.address)
			if !errors.Is(err, test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error is %v, want one that is %v, without the password", err, test.want)
			}
		})
	}
}
