package lab

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"cutover/reconciler/contract/labtest"
)

// newEdge starts the lab's fleet, without the other servers.
func newEdge(t *testing.T) (*Lab, *labtest.Lab) {
	t.Helper()
	l := newLab(t)
	path, err := findPackaged(packaged["haproxy"])
	if err != nil {
		t.Fatal(err)
	}
	l.binaries = map[string]binary{"haproxy": {path: path, found: true}}
	description, err := l.startEdge(t.Context(), map[string]string{labtest.Old: "orbit-prod", labtest.New: "orbit-prod2"})
	if err != nil {
		t.Fatal(err)
	}
	return l, &labtest.Lab{Edge: description}
}

// get asks once; a status of 0 means no answer.
func get(t *testing.T, url string) (status int, cluster, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		return 0, "", err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	said, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, "", err.Error()
	}
	return response.StatusCode, response.Header.Get("X-Cluster"), string(said)
}

func TestEdge(t *testing.T) {
	l, description := newEdge(t)
	t.Run("all traffic goes to the old cluster at first", func(t *testing.T) {
		for _, p := range description.Edge.Proxies {
			if status, cluster, body := get(t, p.Frontend); status != http.StatusOK || cluster != "orbit-prod" || body != "orbit-prod\n" {
				t.Errorf("%s answers %d, %q, %q", p.Name, status, cluster, body)
			}
		}
	})
	t.Run("a stopped proxy does not answer until it is started", func(t *testing.T) {
		e := description.NewEdge(t)
		p := e.Proxies[1]
		e.Stop(t, p.Name)
		e.Stop(t, p.Name)
		if status, _, _ := get(t, p.Frontend); status != 0 {
			t.Errorf("it answers %d", status)
		}
		e.Start(t, p.Name)
		if status, _, body := get(t, p.Frontend); status != http.StatusOK {
			t.Errorf("it answers %d: %s", status, body)
		}
	})
	t.Run("a hung proxy goes on when it is resumed", func(t *testing.T) {
		e := description.NewEdge(t)
		p := e.Proxies[0]
		e.Hang(t, p.Name)
		client := http.Client{Timeout: 100 * time.Millisecond}
		if response, err := client.Get(p.Frontend); err == nil {
			_ = response.Body.Close()
			t.Error("it answers")
		}
		e.Resume(t, p.Name)
		if status, _, body := get(t, p.Frontend); status != http.StatusOK {
			t.Errorf("it answers %d: %s", status, body)
		}
		e.Hang(t, p.Name) // and is stopped so
	})
	t.Run("trouble is what was asked for", func(t *testing.T) {
		e := description.NewEdge(t)
		e.Trouble(t, labtest.Old, labtest.Trouble{Fail: 0.1, Latency: time.Millisecond})
		var failed int
		for range 30 {
			if status, _, _ := get(t, e.Proxies[0].Frontend); status == http.StatusInternalServerError {
				failed++
			}
		}
		if got := e.Count(t, labtest.Old); failed != 3 || got != (labtest.RequestCount{Requests: 30, Failed: 3}) {
			t.Errorf("%d of 30 requests failed, and it counted %+v; want 3", failed, got)
		}
		_, _, page := get(t, description.Edge.Metrics)
		name := e.Upstreams[labtest.Old].Cluster
		for code, count := range map[string]string{"200": "27", "500": "3"} {
			if want := `http_requests_total{cluster="` + name + `",code="` + code + `"} ` + count; !strings.Contains(page, want) {
				t.Errorf("the metrics lack %s:\n%s", want, page)
			}
		}
		e.Trouble(t, labtest.Old, labtest.Trouble{Down: true})
		if status, _, _ := get(t, e.Proxies[0].Frontend); status < http.StatusInternalServerError {
			t.Errorf("a cluster that is down answers %d", status)
		}
	})
	t.Run("a proxy that dies is told", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := l.edge.fleet(mainFleet).proxies[0].process.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := l.Wait(ctx); err == nil || !strings.Contains(err.Error(), "edge/edge-1 ended: signal: killed") {
			t.Errorf("got %v, want the proxy's name and end", err)
		}
	})
	t.Run("the end leaves no process", func(t *testing.T) {
		if err := l.edge.close(); err != nil {
			t.Error(err)
		}
		if left := processesIn(t, l.state.dir); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		l.edge = nil // newLab closes the rest
	})
}

// While a proxy reloads every request is answered.
func TestReloadLosesNoRequest(t *testing.T) {
	_, description := newEdge(t)
	p := description.Edge.Proxies[0]
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error)
	go func() {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		for ctx.Err() == nil {
			request, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, p.Frontend, nil)
			if err != nil {
				done <- err
				return
			}
			response, err := client.Do(request)
			if err == nil && response.StatusCode != http.StatusOK {
				err = errors.New(response.Status)
			}
			if err != nil {
				done <- err
				return
			}
			_ = response.Body.Close()
		}
		done <- nil
	}()
	for range 3 {
		description.Edge.Reload(t, p.Name)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
