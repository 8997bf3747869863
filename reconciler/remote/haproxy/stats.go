package haproxy

import (
	"encoding/csv"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
)

// stats is what one process says of itself and of a backend's servers.
type stats struct {
	started  time.Time
	stopping bool // a reload replaced it
	servers  map[string]map[string]string
}

// statCommands ask for it. Type 4 are servers; -1 stands for all of them.
func statCommands(backend string) []string {
	return []string{"show info float", "show stat " + backend + " 4 -1"}
}

// parseStats reads the answer to statCommands.
func parseStats(answer string) (stats, error) {
	const header = "# pxname,"
	info, table, ok := strings.Cut(answer, header)
	if !ok {
		return stats{}, fmt.Errorf("%w: the answer has no statistics", failure.ErrTransient)
	}
	process := make(map[string]string)
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		process[name] = value
	}
	seconds, err := strconv.ParseFloat(process["Start_time_sec"], 64)
	if err != nil {
		return stats{}, fmt.Errorf("%w: it does not say when it started; HAProxy 2.4 or later does", failure.ErrRefused)
	}
	s := stats{
		started:  time.UnixMicro(int64(math.Round(seconds * 1e6))).UTC(),
		stopping: process["Stopping"] != "0",
		servers:  make(map[string]map[string]string),
	}
	reader := csv.NewReader(strings.NewReader("pxname," + table))
	rows, err := reader.ReadAll()
	if err != nil {
		return stats{}, fmt.Errorf("%w: read its statistics: %w", failure.ErrTransient, err)
	}
	for _, row := range rows[1:] {
		fields := make(map[string]string, len(row))
		for i, value := range row {
			fields[rows[0][i]] = value
		}
		s.servers[fields["svname"]] = fields
	}
	return s, nil
}

// proxy is the process as evidence, with the weights as shares of the two servers' sum.
func (s stats) proxy(name, from, to string) (evidence.Proxy, error) {
	p := evidence.Proxy{Name: name, Started: s.started, Third: s.third(from, to)}
	w, err := s.weights(from, to)
	if err != nil {
		return p, err
	}
	if p.From, err = s.server(from); err != nil {
		return p, err
	}
	if p.To, err = s.server(to); err != nil {
		return p, err
	}
	p.From.Weight, p.To.Weight = w.shares()
	return p, nil
}

// weights are the weights of both servers, as they were last set: not what is left of them while a server is down or
// starts slowly.
func (s stats) weights(from, to string) (weights, error) {
	var w weights
	for name, weight := range map[string]*int{from: &w.from, to: &w.to} {
		fields, ok := s.servers[name]
		if !ok {
			return w, fmt.Errorf("%w: the backend has no server %s", failure.ErrNotFound, name)
		}
		var err error
		if *weight, err = strconv.Atoi(fields["uweight"]); err != nil {
			return w, fmt.Errorf("%w: weight of server %s: %w", failure.ErrTransient, name, err)
		}
	}
	return w, nil
}

// server is a server as evidence, but for its weight.
func (s stats) server(name string) (evidence.Server, error) {
	fields := s.servers[name]
	e := evidence.Server{Name: name, Up: isUp(fields["status"]), State: fields["status"]}
	var since int64
	// econ: no connection after all retries; eresp: no answer in time, or the connection broke, or the answer was none.
	// HAProxy answers these itself, and counts no hrsp for the server. A connection that was reset may count twice.
	answered := []string{"hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other"}
	unanswered := []string{"econ", "eresp"}
	for _, sum := range []struct {
		into    *int64
		columns []string
	}{
		{&e.Sessions, []string{"stot"}},
		{&e.Current, []string{"scur"}},
		{&e.Answered, answered},
		{&e.Requests, slices.Concat(answered, unanswered)},
		{&e.Errors, slices.Concat([]string{"hrsp_5xx"}, unanswered)},
		{&e.Latency, []string{"rtime"}},
		{&since, []string{"lastchg"}},
	} {
		for _, column := range sum.columns {
			value, err := strconv.ParseInt(fields[column], 10, 64)
			if err != nil {
				return e, fmt.Errorf("%w: server %s: %s: %w; is the backend of mode http?", failure.ErrRefused, name, column, err)
			}
			*sum.into += value
		}
	}
	e.For = time.Duration(since) * time.Second
	return e, nil
}

// third are the servers beside the two that may get traffic. A backup gets none while one of them is up. One that is down is
// no better, as it may come up at any time.
func (s stats) third(from, to string) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(s.servers)) {
		fields := s.servers[name]
		status := fields["status"]
		idle := fields["bck"] != "0" || fields["uweight"] == "0" || strings.HasPrefix(status, "MAINT") || strings.HasPrefix(status, "DRAIN")
		if name != from && name != to && !idle {
			out = append(out, fmt.Sprintf("%s (%s, weight %s)", name, status, fields["uweight"]))
		}
	}
	return strings.Join(out, ", ")
}

// isUp reads HAProxy's word for a server's state: UP, UP 1/3 when checks begin to fail, or "no check". All others get no
// new sessions, or only those of a cookie (DRAIN, NOLB).
func isUp(status string) bool {
	return status == "no check" || status == "UP" || strings.HasPrefix(status, "UP ")
}

// weights are HAProxy's weights of the two servers, 0 to 256 each.
type weights struct{ from, to int }

// shares are percents that sum to 100, or 0 and 0 if no server has a weight. A server that gets anything has at least 1.
func (w weights) shares() (from, to int) {
	sum := w.from + w.to
	switch {
	case sum == 0:
		return 0, 0
	case w.from == 0:
		return 0, 100
	case w.to == 0:
		return 100, 0
	}
	to = min(99, max(1, (200*w.to+sum)/(2*sum)))
	return 100 - to, to
}

// above tells whether server to has a larger part of the traffic.
func (w weights) above(other weights) bool {
	return w.to*(other.from+other.to) > other.to*(w.from+w.to)
}
