package vault_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/remote/vault"
)

func wantError(t *testing.T, err, kind error, text string) {
	t.Helper()
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), text) {
		t.Errorf("error is %v, want one that is %v and says %q", err, kind, text)
	}
}

// between is a proxy in front of Vault that can do what Vault cannot be made to do.
type between struct {
	*httptest.Server
	before func(method, path string)
	answer func(w http.ResponseWriter, r *http.Request) bool // true if it has answered itself
}

func proxy(t *testing.T, address string) *between {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	forward.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	b := &between{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.before != nil {
			b.before(r.Method, r.URL.Path)
		}
		if b.answer == nil || !b.answer(w, r) {
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(b.Close)
	return b
}

// TestFailures: how Vault's bad answers are told. A sealed Vault and a standby answer as written here (http/handler.go,
// http/sys_health.go of Vault).
func TestFailures(t *testing.T) {
	l := newLab(t)
	p := l.place(t, l.mount(t, 2), 2)
	p.Seed(t, p.From, "core/api", map[string]any{"k": "1"})
	tree := evidence.SecretTree{From: p.From, To: p.To, Overwrite: true}
	for name, test := range map[string]struct {
		status int
		body   string
		kind   error
		text   string
	}{
		"sealed":             {503, `{"errors":["Vault is sealed"]}`, failure.ErrTransient, "Vault is sealed"},
		"standby":            {473, ``, failure.ErrTransient, "standby"},
		"internal error":     {500, `{"errors":["internal error"]}`, failure.ErrTransient, "500: internal error"},
		"load balancer":      {502, `<html>planted</html>`, failure.ErrTransient, "is there a proxy"},
		"overloaded":         {429, `{"errors":["request path \"x\": rate limit quota exceeded"]}`, failure.ErrTransient, "quota exceeded"},
		"stale replica":      {412, `{"errors":["required index state not present"]}`, failure.ErrTransient, "412"},
		"no such route":      {405, `{"errors":["unsupported operation"]}`, failure.ErrRefused, "405"},
		"an answer cut off":  {200, `{"data":{"keys":["a"`, failure.ErrTransient, ""},
		"a page from nobody": {200, `<html>log in</html>`, failure.ErrTransient, ""},
		"a log-in in JSON":   {200, `{"message":"planted: log in"}`, failure.ErrTransient, "is there a proxy"},
		"nothing at all":     {200, ``, failure.ErrTransient, "is there a proxy"},
		"no route":           {404, `{"message":"planted: no Route matched"}`, failure.ErrTransient, "is there a proxy"},
		"no page":            {404, `<html>planted</html>`, failure.ErrTransient, "is there a proxy"},
		"an empty 404":       {404, ``, failure.ErrTransient, "is there a proxy"},
		"no such engine":     {404, `{"errors":["no handler for route"]}`, failure.ErrNotFound, "no handler for route"},
	} {
		t.Run(name, func(t *testing.T) {
			b := proxy(t, l.access.Address)
			config := l.config()
			config.Address = b.URL
			c := open(t, config)
			if got, err := c.Compare(t.Context(), tree); err != nil || got.Denied != "" {
				t.Fatalf("before: %v, %v", got, err)
			}
			for _, part := range []string{"/metadata/", "/data/", "/sys/internal/"} {
				b.answer = func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.Contains(r.URL.Path, part) {
						return false
					}
					w.WriteHeader(test.status)
					_, _ = w.Write([]byte(test.body))
					return true
				}
				got, err := c.Compare(t.Context(), tree)
				wantError(t, err, test.kind, test.text)
				if len(got.Different) > 0 || got.Paths > 0 {
					t.Errorf("%s fails, and the comparison is %v", part, got)
				}
				if err != nil && strings.Contains(err.Error(), "planted") {
					t.Error("a page of somebody else's is quoted")
				}
				wantError(t, c.Copy(t.Context(), tree, []string{"core/api"}), test.kind, test.text)
				_, err = c.Read(t.Context(), p.From)
				wantError(t, err, test.kind, test.text)
			}
		})
	}
}

// TestPartialList: one folder of many that cannot be listed fails the whole.
func TestPartialList(t *testing.T) {
	l := newLab(t)
	p := l.place(t, l.mount(t, 2), 2)
	for i := range 20 {
		p.Seed(t, p.From, fmt.Sprintf("ns%d/deep/api", i), map[string]any{"k": "1"})
	}
	b := proxy(t, l.access.Address)
	config := l.config()
	config.Address = b.URL
	b.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "orbit-prod/ns13/deep") {
			return false
		}
		http.Error(w, `{"errors":["internal error"]}`, http.StatusInternalServerError)
		return true
	}
	c := open(t, config)
	_, err := c.Compare(t.Context(), evidence.SecretTree{From: p.From, To: p.To, Overwrite: true})
	wantError(t, err, failure.ErrTransient, "ns13/deep")
	_, err = c.Read(t.Context(), p.From)
	wantError(t, err, failure.ErrTransient, "ns13/deep")
}

// TestGone: what was listed and is gone when it is asked for fails the whole, and the next time is another one.
func TestGone(t *testing.T) {
	l := newLab(t)
	for version, data := range map[int]string{1: "", 2: "data/"} {
		for what, ends := range map[string]string{"a folder": "/deep", "a secret": "/deep/api"} {
			t.Run(fmt.Sprintf("%s in version %d", what, version), func(t *testing.T) {
				p := l.place(t, l.mount(t, version), version)
				tree := evidence.SecretTree{From: p.From, To: p.To, Overwrite: true}
				for _, root := range []string{p.From, p.To} {
					p.Seed(t, root, "core/web", map[string]any{"k": "1"})
					p.Seed(t, root, "core/deep/api", map[string]any{"k": "1"})
				}
				b := proxy(t, l.access.Address)
				config := l.config()
				config.Address = b.URL
				c := open(t, config)
				for _, gone := range []string{p.From, p.To} {
					in := gone[strings.LastIndex(gone, "/"):] + "/core" + ends
					b.answer = func(w http.ResponseWriter, r *http.Request) bool {
						if !strings.HasSuffix(r.URL.Path, in) || what == "a secret" && !strings.Contains(r.URL.Path, data) {
							return false
						}
						http.Error(w, `{"errors":[]}`, http.StatusNotFound)
						return true
					}
					_, err := c.Compare(t.Context(), tree)
					wantError(t, err, failure.ErrTransient, "was there a moment ago")
					_, err = c.Read(t.Context(), gone)
					wantError(t, err, failure.ErrTransient, "was there a moment ago")
					b.answer = nil
					if different := differences(t, c, tree); len(different) > 0 {
						t.Errorf("differences %v", different)
					}
				}
			})
		}
	}
	t.Run("settings alone are no secret", func(t *testing.T) {
		mount := l.mount(t, 2)
		p := l.place(t, mount, 2)
		p.Seed(t, p.From, "core/web", map[string]any{"k": "1"})
		l.put(t, at(mount, "metadata", p.From, "core/api"), map[string]any{"max_versions": 3})
		config := l.config()
		for _, rules := range []string{everything(mount, p.From), strings.ReplaceAll(everything(mount, p.From), `"create", "read", "update", "list"`, `"list"`)} {
			config.Auth = vault.Auth{Token: vault.NewValue(l.token(t, "10m", rules))}
			if tree, err := open(t, config).Read(t.Context(), p.From); err != nil || len(tree) != 1 {
				t.Errorf("read %d secrets, %v", len(tree), err)
			}
		}
	})
}

// TestNoAnswer: a Vault that hangs, or is not there, is a temporary failure, and takes no longer than the timeout.
func TestNoAnswer(t *testing.T) {
	l := newLab(t)
	b := proxy(t, l.access.Address)
	released := make(chan struct{})
	t.Cleanup(func() { close(released) })
	b.answer = func(http.ResponseWriter, *http.Request) bool { <-released; return true }
	config := l.config()
	config.Address, config.Timeout = b.URL, 50*time.Millisecond
	_, err := open(t, config).Read(t.Context(), "k8s-secret/orbit")
	wantError(t, err, failure.ErrTransient, "no answer in time")

	gone := httptest.NewServer(nil)
	gone.Close()
	config.Address = gone.URL
	_, err = open(t, config).Read(t.Context(), "k8s-secret/orbit")
	wantError(t, err, failure.ErrTransient, "connect")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = open(t, l.config()).Read(ctx, "k8s-secret/orbit"); !errors.Is(err, context.Canceled) {
		t.Errorf("error of a cancelled call: %v", err)
	}
}

// TestConfig: what is wrong is said before anything is asked.
func TestConfig(t *testing.T) {
	token := vault.Auth{Token: vault.NewValue("planted")}
	for want, c := range map[string]vault.Config{
		"must be an http or https URL": {Address: "vault:8200", Auth: token},
		"without credentials":          {Address: "https://u:p@vault", Auth: token},
		"exactly one way to log in":    {Address: "https://vault"},
		"exactly one way to":           {Address: "https://vault", Auth: vault.Auth{Token: vault.NewValue("planted"), TokenFile: "f"}},
		"AppRole needs":                {Address: "https://vault", Auth: vault.Auth{AppRole: &vault.AppRole{RoleID: "r"}}},
		"needs a role":                 {Address: "https://vault", Auth: vault.Auth{Kubernetes: &vault.Kubernetes{}}},
		"must not be negative":         {Address: "https://vault", Auth: token, Timeout: -1},
		"certificate authority":        {Address: "https://vault", Auth: token, CAFile: "/none/such"},
		"is no path of a role":         {Address: "https://vault", Auth: token, SyncRoles: []string{"secret-sync"}},
	} {
		_, err := vault.New(c)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "planted") {
			t.Errorf("error is %v, want one that says %q", err, want)
		}
	}
}

// TestValue: whatever prints a value prints no secret.
func TestValue(t *testing.T) {
	v := vault.NewValue("planted")
	tree := vault.Tree{"core/api": {"k": v}}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v, "tree", tree)
	asJSON, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	config := vault.Config{Auth: vault.Auth{Token: v, AppRole: &vault.AppRole{SecretID: v}}}
	for _, text := range []string{
		fmt.Sprint(v), fmt.Sprintf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v), fmt.Sprintf("%+v %#v", tree, tree),
		fmt.Sprintf("%+v %#v %+v", config, config, config.Auth.AppRole), string(asJSON), log.String(),
	} {
		if strings.Contains(text, "planted") || strings.Contains(text, fmt.Sprintf("%x", "planted")) {
			t.Errorf("printed: %s", text)
		}
	}
	if v.Reveal() != "planted" || v.IsZero() {
		t.Error("the value is lost")
	}
}
