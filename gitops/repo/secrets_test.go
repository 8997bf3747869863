package repo_test

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"cutover/gitops/repo"
	"cutover/reconciler/failure"
)

// Whatever goes wrong, no error shows the credentials; the server of this test repeats what it was sent.
func TestErrorsShowNoCredentials(t *testing.T) {
	s, _, parent := begin(t)
	config := s.config(t, "values")
	r := open(t, config)
	echo := func(status int) fault {
		return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			_, password, _ := r.BasicAuth()
			http.Error(w, strings.Join([]string{r.Header.Get("Authorization"), password, url.QueryEscape(password), r.URL.String()}, " "), status)
		}
	}
	for _, test := range []struct {
		name  string
		fault fault
		want  error
	}{
		{"unauthorized", echo(401), failure.ErrRefused},
		{"forbidden", echo(403), failure.ErrRefused},
		{"not found", echo(404), failure.ErrNotFound},
		{"broken", echo(500), failure.ErrTransient},
		{"no git", echo(200), failure.ErrTransient},
		{"redirected", func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			_, password, _ := r.BasicAuth()
			http.Redirect(w, r, "ftp://bot:"+url.PathEscape(password)+"@elsewhere.example.com/", http.StatusFound)
		}, failure.ErrTransient},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.fail(test.fault)
			defer s.heal()
			_, err := r.Fetch(t.Context())
			check(t, err, test.want)
			_, err = r.Commit(t.Context(), change("main", parent, "a", "2"))
			check(t, err, test.want)
		})
	}
	t.Run("wrong token", func(t *testing.T) {
		config := s.config(t, "values")
		config.Auth.Token = token + "-wrong"
		_, err := repo.Open(t.Context(), config)
		check(t, err, failure.ErrRefused)
	})
}

func check(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
	if err == nil {
		return
	}
	for _, secret := range []string{token, url.PathEscape(token), url.QueryEscape(token), base64.StdEncoding.EncodeToString([]byte("bot:" + token))} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error shows the token: %v", err)
		}
	}
	if len(err.Error()) > 1000 || strings.Contains(err.Error(), "\n") {
		t.Errorf("the error is not one short line: %v", err)
	}
}

func TestCACert(t *testing.T) {
	s, _, head := begin(t)
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	tls := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(target))
	tls.Config.ErrorLog = log.New(io.Discard, "", 0) // the handshake that is meant to fail
	tls.StartTLS()
	t.Cleanup(tls.Close)
	config := s.config(t, "values")
	config.URL = tls.URL + "/values"
	if _, err := repo.Open(t.Context(), config); !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), "CA certificate") {
		t.Errorf("an unknown authority: got %v", err)
	}
	config.CACert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tls.Certificate().Raw})
	if u := fetch(t, open(t, config)); u.Heads["main"] != head {
		t.Errorf("got %v", u.Heads)
	}
}
