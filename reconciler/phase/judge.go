package phase

import (
	"fmt"
	"math"
	"strconv"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// Measurement is what the queries of an analysis gave.
type Measurement struct {
	Value   float64
	Problem string // why there is no value; "" if there is
	// Samples is how much was measured. It counts only for an analysis that asks for a least amount.
	Samples        float64
	SamplesProblem string
}

// Judge compares a measurement with an analysis's thresholds. What could not be measured, or not often enough, is
// inconclusive: it neither lets the weight pass nor takes it back.
func Judge(a estate.Analysis, m Measurement) evidence.Check {
	verdict := func(v evidence.Verdict, format string, args ...any) evidence.Check {
		return evidence.Check{Name: a.Name, Verdict: v, Reason: fmt.Sprintf(format, args...)}
	}
	if a.Samples != nil {
		switch {
		case m.SamplesProblem != "":
			return verdict(evidence.Inconclusive, "how much was measured is not known: %s", m.SamplesProblem)
		case !(m.Samples >= a.Samples.AtLeast): // NaN is not enough either
			return verdict(evidence.Inconclusive, "%s samples, and %s are needed", number(m.Samples), number(a.Samples.AtLeast))
		}
	}
	switch {
	case m.Problem != "":
		return verdict(evidence.Inconclusive, "not measured: %s", m.Problem)
	case math.IsNaN(m.Value):
		return verdict(evidence.Inconclusive, "the query gives no number")
	case a.AtMost != nil && m.Value > *a.AtMost:
		return verdict(evidence.Fail, "%s is more than %s", number(m.Value), number(*a.AtMost))
	case a.AtLeast != nil && m.Value < *a.AtLeast:
		return verdict(evidence.Fail, "%s is less than %s", number(m.Value), number(*a.AtLeast))
	}
	limit := ""
	if a.AtMost != nil {
		limit += ", at most " + number(*a.AtMost)
	}
	if a.AtLeast != nil {
		limit += ", at least " + number(*a.AtLeast)
	}
	return verdict(evidence.Pass, "%s%s", number(m.Value), limit)
}

// number writes a measured value in at most four digits.
func number(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
