// Package prometheus is the adapter for Prometheus, and for what speaks its query API (Thanos, Mimir, VictoriaMetrics).
//
// The promise: Measure returns a number only if the query gives exactly one, from complete data. No data, and 0/0, which
// is how PromQL tells of no requests, are failure.ErrNotFound: a verdict over them is inconclusive, never "pass".
//
// The hazard: the number is as old as the last scrape; Prometheus repeats a sample for five minutes. Queries over a range
// (rate, increase) do not have this.
package prometheus
