package spinnaker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/transport/http"
	"helm.sh/helm/v3/pkg/chart/loader"
)

// defaultBranch is what Spinnaker reads when an artifact names no version.
const defaultBranch = "master"

// gitStore reads files of git repositories. Each has one bare clone, which is fetched when something is asked
// for that it may not have: a branch at its newest, or a commit that it lacks.
type gitStore struct {
	repositories []*gitRepository
}

type gitRepository struct {
	account ArtifactAccount
	dir     string

	mu      sync.Mutex // go-git's storage is for one goroutine
	repo    *git.Repository
	fetched time.Time // when the last fetch began
}

func newGitStore(dir string, accounts []ArtifactAccount) *gitStore {
	s := &gitStore{}
	for _, a := range accounts {
		s.repositories = append(s.repositories, &gitRepository{account: a, dir: filepath.Join(dir, "git", directory(a.Name))})
	}
	return s
}

// directory makes a name safe as the name of a directory.
func directory(name string) string {
	return strings.NewReplacer("/", "_", "\\", "_", "..", "_").Replace(name)
}

// repository finds the repository of a reference, and the path inside it.
func (s *gitStore) repository(a artifact) (*gitRepository, string, error) {
	var found *gitRepository
	inside := ""
	for _, r := range s.repositories {
		if a.Account != "" && a.Account != r.account.Name {
			continue
		}
		for _, prefix := range []string{r.account.URL, strings.TrimSuffix(r.account.URL, ".git")} {
			rest, ok := strings.CutPrefix(a.Reference, prefix)
			if !ok || (rest != "" && rest[0] != '/') {
				continue
			}
			if found == nil || len(r.account.URL) > len(found.account.URL) {
				found, inside = r, strings.Trim(rest, "/")
			}
			break
		}
	}
	if found == nil {
		return nil, "", fmt.Errorf("no artifact account %sreads %s", spaced(a.Account), a.Reference)
	}
	return found, inside, nil
}

func spaced(name string) string {
	if name == "" {
		return ""
	}
	return name + " "
}

// file reads a file of a repository.
func (s *gitStore) file(ctx context.Context, a artifact) ([]byte, error) {
	repository, inside, err := s.repository(a)
	if err != nil {
		return nil, err
	}
	var data []byte
	err = repository.at(ctx, a.Version, func(tree *object.Tree) error {
		file, err := tree.File(inside)
		if err != nil {
			return fmt.Errorf("%s: %w", inside, err)
		}
		data, err = contents(file)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", a, err)
	}
	return data, nil
}

// files reads the files below a directory of a repository.
func (s *gitStore) files(ctx context.Context, a artifact) ([]*loader.BufferedFile, error) {
	repository, inside, err := s.repository(a)
	if err != nil {
		return nil, err
	}
	inside = path.Join(inside, textOf(a.Metadata, "subPath"))
	var files []*loader.BufferedFile
	err = repository.at(ctx, a.Version, func(tree *object.Tree) error {
		if inside != "" && inside != "." {
			if tree, err = tree.Tree(inside); err != nil {
				return fmt.Errorf("%s: %w", inside, err)
			}
		}
		return tree.Files().ForEach(func(file *object.File) error {
			data, err := contents(file)
			files = append(files, &loader.BufferedFile{Name: file.Name, Data: data})
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", a, err)
	}
	return files, nil
}

func contents(file *object.File) ([]byte, error) {
	reader, err := file.Reader()
	if err != nil {
		return nil, err
	}
	defer func() { _ = reader.Close() }()
	return io.ReadAll(reader)
}

// at calls do with the tree of a branch or commit.
func (r *gitRepository) at(ctx context.Context, version string, do func(*object.Tree) error) error {
	asked := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if version == "" {
		version = defaultBranch
	}
	if err := r.open(); err != nil {
		return err
	}
	// Those who waited for a fetch that began after they asked need no other.
	known := plumbing.IsHash(version) && r.has(version)
	if !known && r.fetched.Before(asked) {
		if err := r.fetch(ctx); err != nil {
			return err
		}
	}
	hash := plumbing.NewHash(version)
	if !plumbing.IsHash(version) {
		branch, err := r.repo.Reference(plumbing.NewBranchReferenceName(version), true)
		if err != nil {
			return fmt.Errorf("branch %s: %w", version, err)
		}
		hash = branch.Hash()
	}
	commit, err := r.repo.CommitObject(hash)
	if err != nil {
		return fmt.Errorf("commit %s: %w", version, err)
	}
	tree, err := commit.Tree()
	if err != nil {
		return fmt.Errorf("commit %s: %w", version, err)
	}
	return do(tree)
}

func (r *gitRepository) has(commit string) bool {
	_, err := r.repo.CommitObject(plumbing.NewHash(commit))
	return err == nil
}

func (r *gitRepository) open() error {
	if r.repo != nil {
		return nil
	}
	repo, err := git.PlainOpen(r.dir)
	if errors.Is(err, git.ErrRepositoryNotExists) {
		if repo, err = git.PlainInit(r.dir, true); err == nil {
			_, err = repo.CreateRemote(&config.RemoteConfig{Name: "origin", URLs: []string{r.account.URL}})
		}
	}
	if err != nil {
		return fmt.Errorf("clone of %s: %w", r.account.URL, err)
	}
	r.repo = repo
	return nil
}

func (r *gitRepository) fetch(ctx context.Context) error {
	began := time.Now()
	options := &git.FetchOptions{RefSpecs: []config.RefSpec{"+refs/heads/*:refs/heads/*"}, Tags: git.NoTags, Force: true, Prune: true}
	if r.account.Token != "" {
		options.Auth = &http.BasicAuth{Username: r.account.Username, Password: r.account.Token}
	}
	err := r.repo.FetchContext(ctx, options)
	if err != nil && !errors.Is(err, git.NoErrAlreadyUpToDate) {
		return fmt.Errorf("fetch %s: %w", r.account.URL, err)
	}
	r.fetched = began
	return nil
}
