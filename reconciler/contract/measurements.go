package contract

import (
	"context"
	"strings"
	"testing"

	"cutover/reconciler/failure"
)

// Measurer is Prometheus as the reconciler uses it.
type Measurer interface {
	Measure(ctx context.Context, query string) (float64, error)
}

// Queries are queries whose results are known, in the language of what is tested.
type Queries struct {
	Number     string // gives 42.5
	Zero       string // gives 0
	Negative   string // gives -1
	Nothing    string // gives no data
	NotANumber string // gives NaN
	Infinite   string // gives +Inf
	Several    string // gives two series
	Wrong      string // cannot be read
}

// Measurements holds an implementation to the contract of the reconciler's port Measurements.
func Measurements(t *testing.T, open func(t *testing.T) Measurer, queries Queries) {
	for name, test := range map[string]struct {
		query string
		want  float64
		fails error
		says  string
	}{
		"a number is returned":                  {query: queries.Number, want: 42.5},
		"zero is a number":                      {query: queries.Zero, want: 0},
		"a negative number is returned":         {query: queries.Negative, want: -1},
		"no data is not found":                  {query: queries.Nothing, fails: failure.ErrNotFound},
		"what is not a number is not found":     {query: queries.NotANumber, fails: failure.ErrNotFound},
		"infinity is refused":                   {query: queries.Infinite, fails: failure.ErrRefused},
		"several series are refused":            {query: queries.Several, fails: failure.ErrRefused, says: "2 series"},
		"a query that is no query is refused":   {query: queries.Wrong, fails: failure.ErrRefused},
		"an empty query is refused":             {query: "", fails: failure.ErrRefused},
		"a query that is only blank is refused": {query: " ", fails: failure.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := open(t).Measure(t.Context(), test.query)
			if test.fails != nil {
				wantError(t, err, test.fails)
				if err != nil && !strings.Contains(err.Error(), test.says) {
					t.Errorf("error %q does not say %q", err, test.says)
				}
				return
			}
			if err != nil || got != test.want {
				t.Errorf("Measure = %v, %v, want %v", got, err, test.want)
			}
		})
	}
}
