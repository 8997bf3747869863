package alertmanager

import (
	"net/url"
	"testing"
	"time"

	"github.com/go-openapi/strfmt"
	"github.com/google/uuid"
	"github.com/prometheus/alertmanager/api/v2/client"
	"github.com/prometheus/alertmanager/api/v2/client/alert"
	"github.com/prometheus/alertmanager/api/v2/models"

	"cutover/reconciler/contract"
	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/evidence"
)

func open(t *testing.T) *Client {
	t.Helper()
	c, err := New(Config{URL: labtest.Get(t).Alertmanager.URL})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestContract(t *testing.T) {
	contract.Alarms(t, func(t *testing.T) contract.AlarmStore { return open(t) }, time.Now)
}

// A silence mutes the alarms of its cluster, and those of no other.
func TestSilenceMutes(t *testing.T) {
	u, err := url.Parse(labtest.Get(t).Alertmanager.URL)
	if err != nil {
		t.Fatal(err)
	}
	alarms := client.NewHTTPClientWithConfig(strfmt.Default, client.DefaultTransportConfig().WithHost(u.Host).WithSchemes([]string{"http"})).Alert
	old, other := "old-"+uuid.NewString(), "other-"+uuid.NewString()
	var posted models.PostableAlerts
	for _, cluster := range []string{old, other} {
		posted = append(posted, &models.PostableAlert{Alert: models.Alert{Labels: models.LabelSet{"alertname": "Errors", "cluster": cluster}}})
	}
	if _, err := alarms.PostAlerts(alert.NewPostAlertsParamsWithContext(t.Context()).WithAlerts(posted)); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	id, err := open(t).Silence(t.Context(), evidence.Silence{
		Matchers: []string{`cluster="` + old + `"`}, Starts: now, Ends: now.Add(time.Hour), Owner: "test/" + old, Comment: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	state := func(cluster string) (string, []string) {
		answer, err := alarms.GetAlerts(alert.NewGetAlertsParamsWithContext(t.Context()).WithFilter([]string{`cluster="` + cluster + `"`}))
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.Payload) != 1 {
			return "", nil
		}
		return *answer.Payload[0].Status.State, answer.Payload[0].Status.SilencedBy
	}
	eventually(t, func() bool {
		got, by := state(old)
		return got == "suppressed" && len(by) == 1 && by[0] == id
	})
	eventually(t, func() bool {
		got, _ := state(other)
		return got != "" && got != "suppressed"
	})
}

func TestSilenceEndsByItself(t *testing.T) {
	c, owner := open(t), "test/"+uuid.NewString()
	now := time.Now()
	if _, err := c.Silence(t.Context(), evidence.Silence{
		Matchers: []string{`cluster="` + owner + `"`}, Starts: now, Ends: now.Add(1500 * time.Millisecond), Owner: owner, Comment: "test",
	}); err != nil {
		t.Fatal(err)
	}
	count := func() int {
		list, err := c.Silences(t.Context(), owner)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if count() != 1 {
		t.Error("it is not active")
	}
	eventually(t, func() bool { return count() == 0 })
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for range 300 {
		if done() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("it did not come true in 15 s")
}
