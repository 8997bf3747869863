package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"cutover/reconciler/failure"
)

const exampleDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestParseReference(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"oci://charts.example.com/web:1.2.3", "charts.example.com/web:1.2.3"},
		{"oci://10.1.2.3:5000/team/web:1.2.3+build.4", "10.1.2.3:5000/team/web:1.2.3_build.4"},
		{"oci://charts.example.com/web@" + exampleDigest, "charts.example.com/web@" + exampleDigest},
		{"oci://charts.example.com/web:1.2.3+b@" + exampleDigest, "charts.example.com/web@" + exampleDigest},
		{"oci://charts.example.com/web", ""},
		{"oci://charts.example.com:5000/web", ""},
		{"oci://charts.example.com/web:", ""},
		{"oci://charts.example.com/we+b:1", ""},
		{"oci://charts.example.com/../web:1", ""},
		{"oci://charts.example.com/web@sha256:12", ""},
		{"oci://user:swordfish@charts.example.com/web:1", ""},
		{"https://charts.example.com/web:1", ""},
		{"web:1", ""},
	} {
		got, err := parseReference(test.in)
		if (err != nil) != (test.want == "") || err == nil && got.String() != test.want {
			t.Errorf("%s: got %q, %v; want %q", test.in, got, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "swordfish") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, test := range []struct {
		config Config
		want   string
	}{
		{Config{}, "no directory"},
		{Config{Dir: "x", Host: "charts.example.com", Username: "cutover"}, "both username and password"},
		{Config{Dir: "x", Username: "cutover", Password: []byte("p")}, "which host"},
		{Config{Dir: "x", PlainHTTP: []string{"http://charts.example.com"}}, "is not a host"},
		{Config{Dir: "x", Host: "charts.example.com/team"}, "is not a host"},
		{Config{Dir: "x", Timeout: -1}, "negative"},
	} {
		if _, err := New(test.config); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q in it", err, test.want)
		}
	}
}

func TestUnpack(t *testing.T) {
	for _, test := range []struct {
		name  string
		dir   string
		files map[string]string
		want  string // in the error; empty for none
	}{
		{"chart", "web", chartFiles("web", "1", "x"), ""},
		{"parent", "web", map[string]string{"../../etc/passwd": "x"}, "parent directory"},
		{"absolute", "web", map[string]string{"/etc/passwd": "x"}, "absolute path"},
		{"drive", "web", map[string]string{"c:/windows": "x"}, "illegally named"},
		{"large file", "web", map[string]string{"a": strings.Repeat("a", 6<<20)}, "larger than the maximum"},
		{"many files", "web", map[string]string{
			"a": strings.Repeat("a", 5<<20), "b": strings.Repeat("b", 5<<20), "c": strings.Repeat("c", 5<<20),
			"d": strings.Repeat("d", 5<<20), "e": "one byte too many",
		}, "the most is 20971520"},
	} {
		t.Run(test.name, func(t *testing.T) {
			files, err := unpack(pack(t, test.dir, test.files))
			if test.want == "" {
				if diff := cmp.Diff(sorted(test.files), files); err != nil || diff != "" {
					t.Errorf("%v\n%s", err, diff)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
	for _, damaged := range [][]byte{nil, []byte("no archive"), pack(t, "web", chartFiles("web", "1", "x"))[:100]} {
		if files, err := unpack(damaged); !errors.Is(err, errArchive) {
			t.Errorf("got %v, %v from a damaged archive", files, err)
		}
	}
}

func TestExplain(t *testing.T) {
	signed := &url.URL{Scheme: "https", Host: "store.example.com", Path: "/blob", RawQuery: "signature=swordfish"}
	answer := func(status int) error {
		return fmt.Errorf("copy: %w", &errcode.ErrorResponse{Method: http.MethodGet, URL: signed, StatusCode: status, Errors: errcode.Errors{{Code: "DENIED", Message: "no"}}})
	}
	for _, test := range []struct {
		err, want error
		says      string
	}{
		{answer(http.StatusNotFound), failure.ErrNotFound, "store.example.com/blob"},
		{answer(http.StatusForbidden), failure.ErrRefused, "check the log-in"},
		{answer(http.StatusTooManyRequests), failure.ErrTransient, "denied: no"},
		{answer(http.StatusBadGateway), failure.ErrTransient, "502"},
		{answer(http.StatusTeapot), failure.ErrRefused, "418"},
		{&url.Error{Op: "Get", URL: signed.String(), Err: errors.New("connection reset")}, failure.ErrTransient, "connection reset"},
		{&url.Error{Op: "Get", URL: signed.String(), Err: context.DeadlineExceeded}, failure.ErrTransient, "no answer in time"},
		{fmt.Errorf("read: %w", errTooLarge), failure.ErrRefused, "24 MiB"},
		{&os.PathError{Op: "open", Path: "/charts", Err: os.ErrPermission}, failure.ErrTransient, "/charts"},
		{errors.New("could not load config"), failure.ErrRefused, "could not load config"},
	} {
		got := explain(test.err, "charts.example.com")
		if !errors.Is(got, test.want) || !strings.Contains(got.Error(), test.says) || strings.Contains(got.Error(), "swordfish") {
			t.Errorf("got %v, want %v, and %q in it, and no query", got, test.want, test.says)
		}
	}
}

// TestLogin: a password is for one host; others get what docker's file holds for them.
func TestLogin(t *testing.T) {
	logins := make(chan string, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		logins <- r.Header.Get("Authorization")
		w.Header().Set("WWW-Authenticate", `Basic realm="charts"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	basic := func(login string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(login)) }
	docker := `{"auths": {"` + host + `": {"auth": "` + base64.StdEncoding.EncodeToString([]byte("docker:own")) + `"}}}`
	for _, test := range []struct{ name, host, docker, want string }{
		{"its host", host, "", basic("cutover:swordfish")},
		{"another host", "charts.example.com", "", ""},
		{"docker's file", "charts.example.com", docker, basic("docker:own")},
		{"its host before docker's file", host, docker, basic("cutover:swordfish")},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("DOCKER_CONFIG", dir)
			t.Setenv("HELM_CONFIG_HOME", dir)
			if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(test.docker), 0o600); err != nil {
				t.Fatal(err)
			}
			r := open(t, Config{Dir: t.TempDir(), PlainHTTP: []string{host}, Host: test.host, Username: "cutover", Password: []byte("swordfish")})
			_, err := r.Chart(t.Context(), "oci://"+host+"/web:1")
			if !errors.Is(err, failure.ErrRefused) || strings.Contains(err.Error(), "swordfish") {
				t.Errorf("got %v, want a refusal without the password", err)
			}
			last := ""
			for len(logins) > 0 {
				last = <-logins
			}
			if last != test.want {
				t.Errorf("the registry got %q, want %q", last, test.want)
			}
		})
	}
}

// TestNoAnswer: neither the caller's patience nor ours is without end.
func TestNoAnswer(t *testing.T) {
	asked, done := make(chan struct{}, 16), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-done
	}))
	defer server.Close()
	defer close(done)
	host := strings.TrimPrefix(server.URL, "http://")

	r := open(t, Config{Dir: t.TempDir(), PlainHTTP: []string{host}, Timeout: 50 * time.Millisecond})
	if _, err := r.Chart(t.Context(), "oci://"+host+"/web:1"); !errors.Is(err, failure.ErrTransient) || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("got %v, want a temporary failure", err)
	}
	<-asked

	r = open(t, Config{Dir: t.TempDir(), PlainHTTP: []string{host}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := r.Chart(ctx, "oci://"+host+"/web:1"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the caller gave up", err)
	}
}

// TestAnswersAreBounded: a registry that never stops sending is stopped.
func TestAnswersAreBounded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		part := make([]byte, 1<<20)
		for range 2 * maxAnswers / len(part) {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	client := &http.Client{Transport: bind(t.Context(), newTransport())}
	response, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var read int
	for err == nil {
		var n int
		n, err = response.Body.Read(make([]byte, 1<<16))
		read += n
	}
	if !errors.Is(err, errTooLarge) || read > maxAnswers+1<<16 {
		t.Errorf("read %d bytes, then %v", read, err)
	}
}
