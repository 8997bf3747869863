package repo_test

import (
	"testing"

	"cutover/gitops/repo"
)

func TestName(t *testing.T) {
	for _, url := range []string{
		"https://git.example.com/orbit/values.git",
		"https://git.example.com/orbit/values",
		"https://git.example.com/orbit/values/",
		"http://127.0.0.1:3000/orbit/values.git",
		"ssh://git@git.example.com:2222/orbit/values.git",
		"git@git.example.com:orbit/values.git",
	} {
		if got := repo.Name(url); got != "orbit/values" {
			t.Errorf("Name(%q) = %q, want orbit/values", url, got)
		}
	}
}
