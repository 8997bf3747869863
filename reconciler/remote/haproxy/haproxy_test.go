package haproxy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/failure"
)

func TestNew(t *testing.T) {
	for name, test := range map[string]struct {
		config Config
		want   string // in the error; "" for none
	}{
		"no proxy":           {Config{}, ""},
		"port and path":      {Config{Proxies: map[string]string{"a": "edge-1:9999", "b": "/run/haproxy.sock", "c": "[::1]:9999"}}, ""},
		"no port":            {Config{Proxies: map[string]string{"edge-1": "10.0.0.1"}}, `proxy edge-1: the address must be HOST:PORT or the path of a socket, not "10.0.0.1"`},
		"no host":            {Config{Proxies: map[string]string{"edge-1": ":9999"}}, "proxy edge-1"},
		"negative time":      {Config{Timeout: -time.Second}, "must not be negative"},
		"an address is lost": {Config{Proxies: map[string]string{"edge-1": ""}}, "proxy edge-1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(test.config)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestComplaint(t *testing.T) {
	for said, want := range map[string]struct {
		kind error
		text string
	}{
		"No such backend.":  {failure.ErrNotFound, "not found: No such backend"},
		"No such server.":   {failure.ErrNotFound, "not found: No such server"},
		"No such proxy.":    {failure.ErrNotFound, "not found: No such proxy"},
		"Permission denied": {failure.ErrRefused, "refused: permission denied: the stats socket is not of level admin"},
		"Unknown command, ": {failure.ErrRefused, "refused: Unknown command"},
		"Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.": {failure.ErrRefused,
			"refused: Backend is using a static LB algorithm and only accepts weights '0%' and '100%'"},
	} {
		if err := complaint(said); !errors.Is(err, want.kind) || !strings.HasPrefix(err.Error(), want.text) {
			t.Errorf("%q is %v, want %s", said, err, want.text)
		}
	}
}

// The real server's words for what it does not do are understood.
func TestRefusals(t *testing.T) {
	e := labtest.Get(t).NewEdge(t)
	for command, want := range map[string]error{
		"set server api/new weight 300":   failure.ErrRefused,
		"set server api/none weight 3":    failure.ErrNotFound,
		"set server none/new weight 3":    failure.ErrNotFound,
		"show stat none 4 -1":             failure.ErrNotFound,
		"make coffee":                     failure.ErrRefused,
		"set server api/new weight heavy": failure.ErrRefused,
		"operator;disable frontend edge":  failure.ErrRefused,
	} {
		if answer, err := run(t.Context(), e.Proxies[0].Admin, 10*time.Second, command); !errors.Is(err, want) {
			t.Errorf("%s: %q, %v, want %v", command, answer, err, want)
		}
	}
	f := newFleet(t, e)
	for _, name := range []string{"", "api;disable server", "api\nquit", "a/b", "api new"} {
		if err := f.SetWeight(t.Context(), e.Names(), name, e.From, e.To, 1); !errors.Is(err, failure.ErrRefused) {
			t.Errorf("backend %q: %v", name, err)
		}
	}
	if err := f.SetWeight(t.Context(), nil, e.Backend, e.From, e.To, 1); !errors.Is(err, failure.ErrRefused) {
		t.Errorf("no proxies: %v", err)
	}
	if err := f.SetWeight(t.Context(), e.Names(), e.Backend, e.To, e.To, 1); !errors.Is(err, failure.ErrRefused) {
		t.Errorf("one server: %v", err)
	}
}

// Another program that answers at a proxy's address is no proxy.
func TestNotHAProxy(t *testing.T) {
	e := labtest.Get(t).NewEdge(t)
	admins := e.Admins()
	admins["edge-3"] = strings.TrimPrefix(e.Upstreams[labtest.Old].URL, "http://")
	f, err := New(Config{Proxies: admins})
	if err != nil {
		t.Fatal(err)
	}
	proxies, err := f.Proxies(t.Context(), e.Names(), e.Backend, e.From, e.To)
	if err != nil || proxies[0].Unreachable != "" || !strings.Contains(proxies[2].Unreachable, "the answer is not HAProxy's") {
		t.Errorf("proxies = %+v, %v, want the third unreachable", proxies, err)
	}
}

func TestShares(t *testing.T) {
	for w, want := range map[weights][2]int{
		{100, 0}: {100, 0}, {0, 100}: {0, 100}, {99, 1}: {99, 1}, {75, 25}: {75, 25},
		{0, 0}: {0, 0}, {1, 1}: {50, 50}, {2, 1}: {67, 33}, {7, 1}: {87, 13}, {256, 0}: {100, 0},
		{256, 1}: {99, 1}, {1, 256}: {1, 99}, // what gets traffic is never 0
	} {
		if from, to := w.shares(); from != want[0] || to != want[1] {
			t.Errorf("%+v are %d and %d, want %v", w, from, to, want)
		}
	}
}

func TestIsUp(t *testing.T) {
	for status, want := range map[string]bool{
		"UP": true, "UP 1/2": true, "no check": true,
		"DOWN": false, "DOWN 1/2": false, "DOWN (agent)": false, "MAINT": false, "MAINT (via api/old)": false,
		"MAINT (resolution)": false, "DRAIN": false, "DRAIN 1/2": false, "NOLB": false, "": false,
	} {
		if got := isUp(status); got != want {
			t.Errorf("%q: %t, want %t", status, got, want)
		}
	}
}

func TestParseStats(t *testing.T) {
	const info = "Name: HAProxy\nStopping: 0\nStart_time_sec: 1795640015.392399\n\n"
	const table = "# pxname,svname,stot,scur,status,lastchg,econ,eresp,rtime,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,desc,uweight,\n"
	const old = "api,old,9,2,UP,30,1,2,7,1,2,3,4,5,6,\"a \"\"b\"\", c\",75,\n"
	const next = "api,new,0,0,DOWN,4,0,0,0,0,0,0,0,0,0,,25,\n\n"
	s, err := parseStats(info + table + old + next)
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.proxy("edge-1", "old", "new")
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 11, 25, 20, 53, 35, 392399000, time.UTC); !p.Started.Equal(want) {
		t.Errorf("started at %s, want %s", p.Started, want)
	}
	f := p.From
	if f.Sessions != 9 || f.Current != 2 || f.Requests != 24 || f.Answered != 21 || f.Errors != 8 || f.For != 30*time.Second || p.To.For != 4*time.Second || f.Latency != 7 || f.Weight != 75 || !f.Up || p.To.Up {
		t.Errorf("servers are %+v and %+v", p.From, p.To)
	}
	for name, answer := range map[string]string{
		"nothing":       "",
		"no table":      info,
		"half a quote":  info + table + "api,old,\"9\n",
		"a short row":   info + table + "api,old,9\n",
		"no start":      table + old + next,
		"no such field": info + "# pxname,svname,\napi,old,\napi,new,\n",
		"a tcp backend": info + table + "api,old,9,2,UP,30,1,2,7,,,,,,,,75,\n" + next,
	} {
		t.Run(name, func(t *testing.T) {
			s, err := parseStats(answer)
			if err == nil {
				_, err = s.proxy("edge-1", "old", "new")
			}
			if !errors.Is(err, failure.ErrTransient) && !errors.Is(err, failure.ErrRefused) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestThirdServer(t *testing.T) {
	for name, tt := range map[string]struct {
		status, weight, backup string
		want                   string
	}{
		"up":             {"UP", "10", "0", "spare (UP, weight 10)"},
		"not checked":    {"no check", "256", "0", "spare (no check, weight 256)"},
		"down for now":   {"DOWN", "1", "0", "spare (DOWN, weight 1)"},
		"a backup":       {"UP", "10", "1", ""},
		"without weight": {"UP", "0", "0", ""},
		"in maintenance": {"MAINT (resolution)", "10", "0", ""},
		"draining":       {"DRAIN", "10", "0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := stats{servers: map[string]map[string]string{
				"old": {"status": "UP", "uweight": "100", "bck": "0"}, "new": {"status": "UP", "uweight": "0", "bck": "0"},
				"spare": {"status": tt.status, "uweight": tt.weight, "bck": tt.backup},
			}}
			if got := s.third("old", "new"); got != tt.want {
				t.Errorf("third server = %q, want %q", got, tt.want)
			}
		})
	}
}
