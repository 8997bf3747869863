package app

import (
	"strings"
	"testing"
)

func TestRegistry(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"{}", ""},
		{"{plainHTTP: ['10.1.2.3:5000']}", ""},
		{"{host: charts.example.com, username: cutover, password: {env: CUTOVER_GIT_TOKEN}}", ""},
		{"{host: charts.example.com, username: cutover}", "config.yaml:4: registry: give both username and password"},
		{"{username: cutover, password: {env: CUTOVER_GIT_TOKEN}}", "config.yaml:4: registry.host: is required"},
		{"{password: swordfish}", "config.yaml:4: a secret is"},
	} {
		c, err := load(t, least+"registry: "+test.text+"\n")
		if test.want == "" {
			if err != nil || c.Registry == nil {
				t.Errorf("%s: %v", test.text, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "swordfish") {
			t.Errorf("%s: got %v, want %q in it", test.text, err, test.want)
		}
	}
}
