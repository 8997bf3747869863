package prometheus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"cutover/reconciler/failure"
)

const defaultTimeout = 15 * time.Second

// Config says where Prometheus is and how to log in.
type Config struct {
	// URL is Prometheus' address, such as https://prometheus.example.com, with the prefix of its routes if it has one.
	URL string
	// Username and Password log in if they are set, and else Token as a bearer token.
	Username, Password, Token string
	// Timeout bounds one query. The default is 15 s.
	Timeout time.Duration
}

// Client is Prometheus as the reconciler needs it. It may be used by several goroutines.
type Client struct {
	api     v1.API
	timeout time.Duration
}

// New checks the configuration. It makes no request, so Prometheus need not be up.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil {
		return nil, errors.New("prometheus: the URL must be an http or https URL without credentials, such as https://prometheus.example.com")
	}
	if c.Timeout < 0 {
		return nil, errors.New("prometheus: Timeout must not be negative")
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	client, err := api.NewClient(api.Config{Address: c.URL, Client: &http.Client{Transport: &transport{config: c}, CheckRedirect: lastResponse}})
	if err != nil {
		return nil, errors.New("prometheus: the URL cannot be used")
	}
	return &Client{api: v1.NewAPI(client), timeout: c.Timeout}, nil
}

// Measure evaluates a query, at the time of Prometheus' clock, to one number. It fails with failure.ErrNotFound if there
// is no data or the number is NaN; with failure.ErrRefused if the query is wrong, or gives anything but one finite number;
// and with failure.ErrTransient if Prometheus does not answer, or answers from a part of the data.
func (c *Client) Measure(ctx context.Context, query string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	result, warnings, err := c.api.Query(ctx, query, time.Time{})
	warnings = slices.DeleteFunc(warnings, isInfo)
	if err == nil && len(warnings) > 0 {
		// Remote storage that did not answer in time is a warning, and the number is then too small.
		err = fmt.Errorf("%w: the answer has warnings: %s", failure.ErrTransient, strings.Join(warnings, "; "))
	}
	if err != nil {
		return 0, fmt.Errorf("query %s: %w", query, translated(err))
	}
	number, err := one(result)
	if err != nil {
		return 0, fmt.Errorf("query %s: %w", query, err)
	}
	return number, nil
}

// isInfo tells the hints about a query, such as a counter's unusual name, from warnings: Prometheus 2.48 to 2.53 gives both
// in one list, and later ones in two.
func isInfo(warning string) bool { return strings.HasPrefix(warning, "PromQL info:") }

// one is the number that a result consists of.
func one(result model.Value) (float64, error) {
	var number float64
	switch r := result.(type) {
	case *model.Scalar:
		number = float64(r.Value)
	case model.Vector:
		switch {
		case len(r) == 0:
			return 0, fmt.Errorf("%w: no data", failure.ErrNotFound)
		case len(r) > 1:
			return 0, fmt.Errorf("%w: it gives %d series, such as %s and %s; aggregate them to one, with sum() or max()",
				failure.ErrRefused, len(r), r[0].Metric, r[1].Metric)
		case r[0].Histogram != nil:
			return 0, fmt.Errorf("%w: it gives a histogram; take a number from it, with histogram_quantile()", failure.ErrRefused)
		}
		number = float64(r[0].Value)
	default:
		return 0, fmt.Errorf("%w: it gives a %s, not a number", failure.ErrRefused, result.Type())
	}
	switch {
	case math.IsNaN(number):
		return 0, fmt.Errorf("%w: the result is not a number, as for 0/0", failure.ErrNotFound)
	case math.IsInf(number, 0):
		return 0, fmt.Errorf("%w: the result is infinite, as for 1/0", failure.ErrRefused)
	}
	return number, nil
}
