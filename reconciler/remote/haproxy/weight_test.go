package haproxy

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/failure"
)

// weighs fails the test unless the new cluster's server has the weights, proxy by proxy.
func weighs(t *testing.T, e labtest.Edge, want ...int) {
	t.Helper()
	proxies, err := newFleet(t, e).Proxies(t.Context(), e.Names(), e.Backend, e.From, e.To)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range proxies {
		if p.Unreachable != "" || p.To.Weight != want[i] || p.From.Weight != 100-want[i] {
			t.Errorf("proxy %s has %d and %d (%s), want %d and %d", p.Name, p.From.Weight, p.To.Weight, p.Unreachable, 100-want[i], want[i])
		}
	}
}

func says(t *testing.T, err error, kind error, texts ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("error is %v, want one that is %v", err, kind)
	}
	for _, text := range texts {
		if err != nil && !strings.Contains(err.Error(), text) {
			t.Errorf("the error lacks %q: %v", text, err)
		}
	}
}

func TestAllOrBack(t *testing.T) {
	l := labtest.Get(t)
	var e labtest.Edge
	for name, test := range map[string]struct {
		tap  *tap
		kind error
		says []string
		want []int
	}{
		"a proxy that may only be read": {
			&tap{prefix: "operator;"}, failure.ErrRefused,
			[]string{"set weight 25 of server new in backend api: proxy edge-1: refused: permission denied", "level admin", "put back: edge-2, edge-3"},
			[]int{5, 5, 5},
		},
		"an answer that is lost": {
			&tap{lose: " 75;"}, failure.ErrTransient,
			[]string{"proxy edge-1", "put back: edge-1, edge-2, edge-3"},
			[]int{5, 5, 5},
		},
		"a reload right after": {
			&tap{after: func() { e.Reload(t, "edge-1") }}, failure.ErrTransient,
			[]string{"proxy edge-1", "its weights are 100 and 0, not 75 and 25; was it reloaded?", "put back: edge-1, edge-2, edge-3"},
			[]int{5, 5, 5},
		},
		"a proxy that is lost on the way": {
			&tap{refuse: " weight "}, failure.ErrTransient,
			[]string{"proxy edge-1", "put back: edge-2, edge-3; not put back: proxy edge-1"},
			[]int{5, 5, 5},
		},
		"an answer that is lost, and no way back": {
			&tap{lose: " 75;", refuse: " 95;"}, failure.ErrTransient,
			[]string{"put back: edge-2, edge-3; not put back: proxy edge-1"},
			[]int{25, 5, 5},
		},
	} {
		t.Run(name, func(t *testing.T) {
			e = l.NewEdge(t)
			set := func(f *Fleet, weight int) error {
				return f.SetWeight(t.Context(), e.Names(), e.Backend, e.From, e.To, weight)
			}
			if err := set(newFleet(t, e), 5); err != nil {
				t.Fatal(err)
			}
			says(t, set(through(t, e, test.tap), 25), test.kind, test.says...)
			weighs(t, e, test.want...)
		})
	}
}

// What is put back is HAProxy's own weight, not a share.
func TestPutBackAsItWas(t *testing.T) {
	e := labtest.Get(t).NewEdge(t)
	for _, p := range e.Proxies {
		tell(t, p.Admin, "set server api/old weight 30;set server api/new weight 10")
	}
	weighs(t, e, 25, 25, 25)
	err := through(t, e, &tap{prefix: "operator;"}).SetWeight(t.Context(), e.Names(), e.Backend, e.From, e.To, 50)
	says(t, err, failure.ErrRefused)
	answer, err := run(t.Context(), e.Proxies[1].Admin, time.Second, "get weight api/old")
	if err != nil || !strings.HasPrefix(answer, "30 ") {
		t.Errorf("the weight is %q, %v; want 30", answer, err)
	}
}

func TestPutBackAfterCancel(t *testing.T) {
	e := labtest.Get(t).NewEdge(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := through(t, e, &tap{after: cancel}).SetWeight(ctx, e.Names(), e.Backend, e.From, e.To, 50)
	says(t, err, context.Canceled, "edge-1")
	weighs(t, e, 0, 0, 0)
	if _, err := newFleet(t, e).Proxies(ctx, e.Names(), e.Backend, e.From, e.To); !errors.Is(err, context.Canceled) {
		t.Errorf("error of a read is %v, want %v", err, context.Canceled)
	}
}

func TestHangingSocket(t *testing.T) {
	e := labtest.Get(t).NewEdge(t)
	f, err := New(Config{Proxies: e.Admins(), Timeout: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	e.Hang(t, "edge-2")
	begun := time.Now()
	err = f.SetWeight(t.Context(), e.Names(), e.Backend, e.From, e.To, 50)
	says(t, err, failure.ErrTransient, "proxy edge-2: temporary failure: no answer from "+e.Proxies[1].Admin, "no proxy was raised")
	proxies, err := f.Proxies(t.Context(), e.Names(), e.Backend, e.From, e.To)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range proxies {
		if (p.Unreachable != "") != (i == 1) {
			t.Errorf("proxy %s is unreachable: %q", p.Name, p.Unreachable)
		}
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	e.Resume(t, "edge-2")
	weighs(t, e, 0, 0, 0)
}
