package lab

import (
	"path/filepath"
	"strings"
	"testing"

	"cutover/reconciler/contract/labtest"
)

func TestOptions(t *testing.T) {
	full := t.TempDir()
	writeFile(t, filepath.Join(full, "precious"), "")
	for name, test := range map[string]struct {
		options Options
		want    string // in the error; "" for none
	}{
		"zero value":        {Options{}, ""},
		"absent directory":  {Options{Dir: filepath.Join(t.TempDir(), "new")}, ""},
		"empty directory":   {Options{Dir: t.TempDir()}, ""},
		"full directory":    {Options{Dir: full}, "is not empty"},
		"file as directory": {Options{Dir: filepath.Join(full, "precious")}, "not a directory"},
		"unknown cluster": {Options{Accounts: map[string]string{"orbit-prod": "older"}},
			`account orbit-prod names cluster "older"; the clusters are old and new`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.options.withDefaults()
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			case err == nil && (got.Progress == nil || got.Accounts["orbit-prod2"] != labtest.New || got.Upstreams[labtest.New] != "orbit-prod2"):
				t.Errorf("got %+v, want defaults", got)
			}
		})
	}
}

func TestStateOfCaller(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine")
	s, err := openState(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.close(); err != nil || !exists(dir) {
		t.Errorf("close: %v; want the caller's directory kept", err)
	}
}

func TestStateKeepsLivingLabs(t *testing.T) {
	runs := filepath.Join(t.TempDir(), "run")
	writeFile(t, filepath.Join(runs, "killed", "etcd", "data"), "")
	living, err := openState(t.Context(), "", runs)
	if err != nil {
		t.Fatal(err)
	}
	if exists(filepath.Join(runs, "killed")) {
		t.Error("the directory of a killed lab is still there")
	}
	second, err := openState(t.Context(), "", runs)
	if err != nil {
		t.Fatal(err)
	}
	if !exists(living.dir) {
		t.Error("the directory of a living lab was removed")
	}
	for _, s := range []*state{living, second} {
		if err := s.close(); err != nil || exists(s.dir) {
			t.Errorf("close: %v; want %s removed", err, s.dir)
		}
	}
}
