package githost

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/jenkins-x/go-scm/scm"
	"github.com/jenkins-x/go-scm/scm/driver/bitbucket"
	"github.com/jenkins-x/go-scm/scm/driver/gitea"
	"github.com/jenkins-x/go-scm/scm/driver/github"
	"github.com/jenkins-x/go-scm/scm/driver/gitlab"
	"github.com/jenkins-x/go-scm/scm/driver/stash"

	"cutover/reconciler/failure"
)

// Kind is the product that a git host runs.
type Kind string

const (
	// GitHub is GitHub, hosted or Enterprise.
	GitHub Kind = "github"
	// GitLab is GitLab.
	GitLab Kind = "gitlab"
	// Gitea is Gitea or Forgejo.
	Gitea Kind = "gitea"
	// Bitbucket is Bitbucket Cloud.
	Bitbucket Kind = "bitbucket"
	// BitbucketServer is Bitbucket Server or Data Center.
	BitbucketServer Kind = "bitbucket-server"
)

// kinds names all of them to a person.
const kinds = "github, gitlab, gitea, bitbucket or bitbucket-server"

// defaultMaxBody is the largest body that is read, in bytes: a push of a thousand commits is smaller.
const defaultMaxBody = 1 << 20

// Errors of Parse. None of them shows anything of the request.
var (
	// ErrMethod: the request is not a POST.
	ErrMethod = errors.New("a webhook is a POST")
	// ErrSignature: the request does not prove that its sender knows the secret.
	ErrSignature = errors.New("wrong or missing signature")
	// ErrTooLarge: the body is larger than the configured size.
	ErrTooLarge = errors.New("the body is too large")
	// ErrBody: the body was not received, or is not what the event's name promises.
	ErrBody = errors.New("the body cannot be read as the event that it is said to be: send application/json")
)

// Config says whose webhooks a Receiver takes.
type Config struct {
	Kind Kind
	// Secret is what the webhook was set up with at the git host. It must not be empty.
	Secret []byte
	// MaxBody is the largest body, in bytes. Zero means 1 MiB.
	MaxBody int64
}

// Receiver authenticates and parses webhooks. It is safe for concurrent use.
type Receiver struct {
	host    host
	secret  []byte
	maxBody int64
	seats   chan struct{} // one for each request whose body is being read
	replays *replays
}

// host is what differs between the products.
type host struct {
	parser scm.WebhookService
	// event and delivery are the headers that name the event and the delivery.
	event, delivery string
	// parsed are the events whose bodies are read. The parser would ask the git host about some others, and log
	// those that it does not know.
	parsed []string
	// reviews are what the names of events about pull requests, reviews and comments begin with.
	reviews       []string
	authenticated authentication
}

func hostOf(kind Kind) (host, bool) {
	switch kind {
	case GitHub:
		return host{github.NewWebHookService(), "X-GitHub-Event", "X-GitHub-Delivery", []string{"push", "ping"},
			[]string{"pull_request", "issue_comment"}, githubSignature}, true
	case GitLab:
		return host{gitlab.NewWebHookService(), "X-Gitlab-Event", "X-Gitlab-Event-Uuid", []string{"Push Hook"},
			[]string{"Merge Request Hook", "Note Hook"}, gitlabToken}, true
	case Gitea:
		return host{gitea.NewWebHookService(), "X-Gitea-Event", "X-Gitea-Delivery", []string{"push"},
			[]string{"pull_request", "issue_comment"}, giteaSignature}, true
	case Bitbucket:
		return host{bitbucket.NewWebHookService(), "X-Event-Key", "X-Request-Uuid", []string{"repo:push"},
			[]string{"pullrequest:"}, bitbucketSignature}, true
	case BitbucketServer:
		return host{stash.NewWebHookService(), "X-Event-Key", "X-Request-Id", []string{"repo:refs_changed"},
			[]string{"pr:"}, bitbucketSignature}, true
	}
	return host{}, false
}

// Valid tells whether there is such a product.
func (k Kind) Valid() bool {
	_, ok := hostOf(k)
	return ok
}

// NewReceiver returns a Receiver, or failure.ErrRefused if the configuration is not complete.
func NewReceiver(config Config) (*Receiver, error) {
	h, ok := hostOf(config.Kind)
	switch {
	case !ok:
		return nil, fmt.Errorf("webhooks: %w: unknown git host %q: use %s", failure.ErrRefused, config.Kind, kinds)
	case len(config.Secret) == 0:
		return nil, fmt.Errorf("webhooks: %w: the secret is missing: without it anybody could send them", failure.ErrRefused)
	case config.MaxBody < 0:
		return nil, fmt.Errorf("webhooks: %w: the largest body of %d bytes is negative", failure.ErrRefused, config.MaxBody)
	}
	r := &Receiver{
		host: h, secret: slices.Clone(config.Secret), maxBody: config.MaxBody,
		seats: make(chan struct{}, mostReaders), replays: newReplays(),
	}
	if r.maxBody == 0 {
		r.maxBody = defaultMaxBody
	}
	return r, nil
}

// EventKind is what an Event tells.
type EventKind string

const (
	// Push: a branch or a tag moved, appeared or went away.
	Push EventKind = "push"
	// Ping: the git host tries whether the webhook works.
	Ping EventKind = "ping"
	// Review: a pull request, a review or a comment appeared or changed; its body was not parsed.
	Review EventKind = "review"
	// Other is any other event; its body was not parsed.
	Other EventKind = "other"
)

// Event is an authentic webhook.
type Event struct {
	Kind       EventKind
	Repository string // owner/name; empty for Review and Other
	Branch     string // of a push; empty for a tag
	// Before and After are commits; empty where there is none, or where the parser does not tell: Before of GitLab and
	// Bitbucket, unless the branch was deleted.
	Before, After string
	Delivery      string // the git host's id of this delivery
}

// Parse reads one webhook. Its error is one of this package's. It gives a repeated one again; only Handler tells them
// apart.
func (r *Receiver) Parse(req *http.Request) (Event, error) {
	if err := r.refused(req); err != nil {
		return Event{}, err
	}
	event, _, err := r.read(req)
	return event, err
}

// refused is what can be said before the body is read: nobody makes the receiver hold a body who does not at least claim
// to know the secret.
func (r *Receiver) refused(req *http.Request) error {
	switch {
	case req.Method != http.MethodPost:
		return ErrMethod
	case req.ContentLength > r.maxBody:
		return ErrTooLarge
	case !r.host.authenticated.claimed(r.secret, req.Header):
		return ErrSignature
	}
	return nil
}

// read also returns the body's digest.
func (r *Receiver) read(req *http.Request) (Event, digest, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, req.Body, r.maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return Event{}, digest{}, ErrTooLarge
	case err != nil:
		return Event{}, digest{}, ErrBody
	case !r.host.authenticated.proven(r.secret, req.Header, body):
		return Event{}, digest{}, ErrSignature
	}
	event, err := r.event(req, body)
	return event, sha256.Sum256(body), err
}

// event reads an authentic body.
func (r *Receiver) event(req *http.Request, body []byte) (Event, error) {
	event := Event{Kind: Other, Delivery: req.Header.Get(r.host.delivery)}
	name := req.Header.Get(r.host.event)
	if slices.ContainsFunc(r.host.reviews, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
		event.Kind = Review
	}
	if !slices.Contains(r.host.parsed, name) {
		return event, nil
	}
	hook, err := r.parse(req, body)
	if err != nil {
		return Event{}, err
	}
	return event.fill(hook)
}

// parse gives the parser only what it needs, since it may log what it gets, and survives its panics on bodies that
// lack what a git host always sends.
func (r *Receiver) parse(req *http.Request, body []byte) (hook scm.Webhook, err error) {
	defer func() {
		if recover() != nil {
			err = ErrBody
		}
	}()
	bare, err := http.NewRequestWithContext(req.Context(), http.MethodPost, "/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for _, name := range []string{r.host.event, r.host.delivery} {
		bare.Header.Set(name, req.Header.Get(name))
	}
	authenticated := func(scm.Webhook) (string, error) { return "", nil } // already, with a better signature than go-scm checks
	hook, err = r.host.parser.Parse(bare, authenticated)
	if err != nil {
		return nil, ErrBody
	}
	return hook, nil
}

// fill completes the event from what the parser made of the body.
func (e Event) fill(hook scm.Webhook) (Event, error) {
	switch h := hook.(type) {
	case *scm.PingHook:
		e.Kind, e.Repository = Ping, h.Repo.FullName
		return e, nil
	case *scm.PushHook:
		if h.Ref == "" {
			return Event{}, ErrBody
		}
		e.Kind, e.Repository, e.Before, e.After = Push, h.Repo.FullName, hash(h.Before), hash(h.After)
		if branch, ok := strings.CutPrefix(h.Ref, "refs/heads/"); ok {
			e.Branch = branch
		}
	case *scm.TagHook: // a tag of Bitbucket's
		e.Kind, e.Repository = Push, h.Repo.FullName
	case *scm.BranchHook: // GitLab's and Bitbucket's push that deletes a branch
		e.Kind, e.Repository, e.Branch, e.Before = Push, h.Repo.FullName, h.Ref.Name, hash(h.Ref.Sha)
	}
	if e.Repository == "" {
		return Event{}, ErrBody
	}
	return e, nil
}

// hash maps the zero hash, by which git hosts say that there is no commit, to an empty string.
func hash(s string) string {
	if strings.Trim(s, "0") == "" {
		return ""
	}
	return s
}
