package scenario

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/jenkins-x/go-scm/scm"

	"cutover/gitops/estate"
	"cutover/gitops/repo"
	"cutover/gitops/values"
	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/failure"
)

// Config says what is put where.
type Config struct {
	Lab        labtest.Lab
	Gate       string // URL of the Gate that the product's pipelines are in
	Dir        string // for clones, the daemon's configuration and its state; the caller removes it
	Repository string // name of the values repository to make on the git server
	Files      []estate.File
	// Versions are what the old cluster runs, by "namespace/service".
	Versions map[string]estate.Version
	// Poll is how often the daemon asks git for commits; default 2s.
	Poll time.Duration
	// Schedule is when the daemon asks for everything anew, as in its configuration; default @every 30s.
	Schedule string
	// Reviewed lets no marker count that did not arrive by a merged pull request.
	Reviewed bool
	// Edge is the fleet of proxies that the product's traffic goes through.
	Edge labtest.Edge
	// Planted begins every value of a secret that is made.
	Planted string
	// Debug lets the daemon log all that it can.
	Debug bool
	// Progress is told how many services of the old cluster are loaded; it may be nil.
	Progress func(done, total int, note string)
}

// Scenario is a product in a lab.
type Scenario struct {
	Config
	URL    string // of the values repository
	people *repo.Repository
	robot  robot
}

const (
	base        = "main"
	webhookName = "cutover"
)

// New makes the values repository on the git server and commits the files to its main branch.
func New(ctx context.Context, c Config) (*Scenario, error) {
	if c.Progress == nil {
		c.Progress = func(int, int, string) {}
	}
	if c.Poll == 0 {
		c.Poll = 2 * time.Second
	}
	if c.Schedule == "" {
		c.Schedule = "@every 30s"
	}
	s := &Scenario{Config: c}
	client, err := s.Lab.Git.Client()
	if err != nil {
		return nil, err
	}
	if _, _, err := client.Repositories.Create(ctx, &scm.RepositoryInput{Name: c.Repository, Private: true}); err != nil {
		return nil, fmt.Errorf("create repository %s: %w", c.Repository, err)
	}
	s.URL = s.Lab.Git.URL + "/" + s.repository() + ".git"
	s.people, err = repo.Open(ctx, repo.Config{
		URL: s.URL, Dir: filepath.Join(c.Dir, "people"),
		Auth:   repo.Auth{Username: c.Lab.Git.Username, Token: c.Lab.Git.Token},
		Author: repo.Identity{Name: "A developer", Email: "developer@example.com"},
	})
	if err != nil {
		return nil, err
	}
	if s.robot, err = s.newRobot(ctx); err != nil {
		return s, err
	}
	_, err = s.Push(ctx, base, "Values of the product", c.Files...)
	return s, err
}

// Close lets go of the people's clone.
func (s *Scenario) Close() error {
	if s.people == nil {
		return nil
	}
	return s.people.Close()
}

// Push commits files to a branch as a developer would, and returns the commit. A branch that does not exist begins
// at main.
func (s *Scenario) Push(ctx context.Context, branch, message string, files ...estate.File) (string, error) {
	for {
		u, err := s.people.Fetch(ctx)
		if err != nil {
			return "", err
		}
		parent := u.Heads[branch]
		if parent == "" {
			parent = u.Heads[base]
		}
		commit, err := s.people.Commit(ctx, estate.Change{Branch: branch, Parent: parent, Write: files, Message: message + "\n"})
		if errors.Is(err, failure.ErrConflict) {
			continue // the daemon was faster
		}
		return commit, err
	}
}

// Mark pushes a marker of the migration, with the trailer that makes it one.
func (s *Scenario) Mark(ctx context.Context, m estate.Migration, p estate.Phase) (string, error) {
	return s.Push(ctx, m.Branch, fmt.Sprintf("Begin phase %s\n\nCutover-Phase: %s", p, p),
		estate.File{Path: m.MarkerPath(), Data: fmt.Appendf(nil, "phase: %s\n", p)})
}

// Hook makes the git server tell the daemon about pushes.
func (s *Scenario) Hook(ctx context.Context, d *Daemon) error {
	client, err := s.Lab.Git.Client()
	if err != nil {
		return err
	}
	_, _, err = client.Repositories.CreateHook(ctx, s.Lab.Git.Username+"/"+s.Repository, &scm.HookInput{
		Name: webhookName, Target: d.URL + "/webhook", Secret: string(d.secret), Events: scm.HookEvents{Push: true, PullRequest: true, PullRequestComment: true, Review: true, IssueComment: true},
	})
	if err != nil {
		return fmt.Errorf("create webhook: %w", err)
	}
	return nil
}

// Head is the newest commit of a branch.
func (s *Scenario) Head(ctx context.Context, branch string) (string, error) {
	u, err := s.people.Fetch(ctx)
	return u.Heads[branch], err
}

// Read is a file of a branch, as the people's clone sees it after its last push.
func (s *Scenario) Read(ctx context.Context, branch, path string) ([]byte, error) {
	u, err := s.people.Fetch(ctx)
	if err != nil {
		return nil, err
	}
	tree, err := s.people.Tree(u.Heads[branch])
	if err != nil {
		return nil, err
	}
	return fs.ReadFile(tree, path)
}

// Estate is what the main branch says, and its only migration.
func (s *Scenario) Estate(ctx context.Context) (*estate.Estate, estate.Migration, error) {
	u, err := s.people.Fetch(ctx)
	if err != nil {
		return nil, estate.Migration{}, err
	}
	tree, err := s.people.Tree(u.Heads[base])
	if err != nil {
		return nil, estate.Migration{}, err
	}
	e, problems := values.Read(tree)
	if err := problems.Err(); err != nil {
		return nil, estate.Migration{}, err
	}
	if len(e.Migrations) != 1 {
		return nil, estate.Migration{}, fmt.Errorf("the estate has %d migrations, not one", len(e.Migrations))
	}
	return e, e.Migrations[0], nil
}
