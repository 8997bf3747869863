package repo

import (
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
)

// Name is what tells one values repository from another, whichever way it is reached: the path of its URL, such as
// orbit/values for https://git.example.com/orbit/values.git and for git@git.example.com:orbit/values. A repository that
// moves to another host keeps it.
func Name(url string) string {
	path := url
	if e, err := transport.NewEndpoint(url); err == nil {
		path = e.Path
	}
	return strings.TrimSuffix(strings.Trim(path, "/"), ".git")
}
