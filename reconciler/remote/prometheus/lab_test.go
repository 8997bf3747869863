package prometheus

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cutover/reconciler/contract"
	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/failure"
)

func open(t *testing.T) *Client {
	t.Helper()
	c, err := New(Config{URL: labtest.Get(t).Prometheus.URL})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestContract(t *testing.T) {
	for name, number := range map[string]string{"scalars": "%s", "vectors": "vector(%s)"} {
		t.Run(name, func(t *testing.T) {
			contract.Measurements(t, func(t *testing.T) contract.Measurer { return open(t) }, contract.Queries{
				Number:     fmt.Sprintf(number, "42.5"),
				Zero:       fmt.Sprintf(number, "0"),
				Negative:   fmt.Sprintf(number, "-1"),
				Nothing:    "no_such_metric",
				NotANumber: fmt.Sprintf(number, "0") + " / " + fmt.Sprintf(number, "0"),
				Infinite:   fmt.Sprintf(number, "1") + " / " + fmt.Sprintf(number, "0"),
				Several:    `label_replace(vector(1), "cluster", "old", "", "") or label_replace(vector(2), "cluster", "new", "", "")`,
				Wrong:      "sum(",
			})
		})
	}
}

// The queries that a migration's analysis is made of, over what Prometheus really scraped.
func TestScraped(t *testing.T) {
	c, edge := open(t), labtest.Get(t).NewEdge(t)
	upstream := edge.Upstreams[labtest.New]
	ask := func() {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, upstream.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	samples := fmt.Sprintf("sum(increase(http_requests_total{cluster=%q}[10s]))", upstream.Cluster)
	eventually(t, func() error {
		ask()
		number, err := c.Measure(t.Context(), samples)
		if err == nil && number <= 0 {
			err = fmt.Errorf("%s is %v", samples, number)
		}
		return err
	})
	if _, err := c.Measure(t.Context(), strings.Replace(samples, "cluster", `code="599",cluster`, 1)); !errors.Is(err, failure.ErrNotFound) {
		t.Errorf("without any such answer: %v, want one that is %v", err, failure.ErrNotFound)
	}
}

func TestWhatIsNoNumber(t *testing.T) {
	for _, query := range []string{`up[1m]`, `sum by (job) (rate(up[1m])) and on (nope) group_left() up`} {
		if _, err := open(t).Measure(t.Context(), query); !errors.Is(err, failure.ErrRefused) && !errors.Is(err, failure.ErrNotFound) {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func eventually(t *testing.T, try func() error) {
	t.Helper()
	var err error
	for range 300 {
		if err = try(); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("still after 15 s: %v", err)
}
