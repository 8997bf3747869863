package secretsync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/flowcontrol"

	"cutover/reconciler/remote/vault"
)

// parallel is how many Secrets are written at once.
const parallel = 8

// Repairs per second, and at once: somebody who writes a Secret as often as we put it right shall not make a storm of
// it. What is too much waits for the next pass.
const (
	repairs      = 2
	repairsBurst = 50
)

// reader is Vault.
type reader interface {
	Read(ctx context.Context, root string) (vault.Tree, error)
}

// syncer brings the cluster to what Vault says. Its methods are called by one goroutine.
type syncer struct {
	config  Config
	vault   reader
	cluster *cluster
	report  *report
	log     *slog.Logger
	repairs flowcontrol.RateLimiter
	// last is what the last complete reading said; repairs go by it.
	last desired
}

func newSyncer(c Config, v reader, k *cluster, r *report) *syncer {
	return &syncer{
		config: c, vault: v, cluster: k, report: r, log: c.Log,
		repairs: flowcontrol.NewTokenBucketRateLimiter(repairs, repairsBurst),
	}
}

// errEmpty means that Vault has nothing that could be a Secret, which is taken for a mistake: a wrong root, most likely.
var errEmpty = errors.New("vault has nothing at NAMESPACE/NAME below the root: nothing is changed")

// pass reads Vault and brings the cluster to what it says. After an error some of it may be done.
func (s *syncer) pass(ctx context.Context) (err error) {
	defer func() {
		if ctx.Err() != nil {
			return // stopped, which says nothing about Vault
		}
		if err != nil {
			s.report.passes.WithLabelValues("failed").Inc()
		} else {
			s.report.passes.WithLabelValues("ok").Inc()
		}
	}()
	tree, err := s.vault.Read(ctx, s.config.Root)
	if err != nil {
		return err
	}
	read := wanted(tree)
	if len(read.secrets) == 0 {
		return errEmpty
	}
	s.last = read
	namespaces, err := s.cluster.namespaces(ctx)
	if err != nil {
		return err
	}
	found, errs := s.write(ctx, namespaces)
	errs = append(errs, s.prune(ctx, found, len(errs) > 0)...)
	for path, p := range s.report.note(found, time.Now()) {
		s.tell(ctx, path, p)
	}
	return errors.Join(errs...)
}

// write makes every Secret what it should be, and returns how each path stands.
func (s *syncer) write(ctx context.Context, namespaces map[string]bool) (map[string]problem, []error) {
	found := maps.Clone(s.last.unusable)
	var mu sync.Mutex // guards found and errs
	var errs []error
	note := func(n name, p problem, err error) {
		mu.Lock()
		defer mu.Unlock()
		found[n.String()] = p
		if err != nil {
			errs = append(errs, err)
		}
	}
	missing := map[string]error{}
	for n := range s.last.secrets {
		if _, known := missing[n.namespace]; known || namespaces[n.namespace] {
			continue
		}
		missing[n.namespace] = errors.New("the namespace does not exist")
		if s.config.CreateNamespaces {
			missing[n.namespace] = s.cluster.createNamespace(ctx, n.namespace)
		}
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	for n, want := range s.last.secrets {
		if err := missing[n.namespace]; err != nil {
			note(n, problem{NoNamespace, err.Error()}, nil)
			continue
		}
		group.Go(func() error {
			wrote, err := s.cluster.ensure(ctx, n, want, always)
			if wrote {
				s.wrote(ctx, n, "Vault has another one")
			}
			switch {
			case errors.Is(err, errForeign):
				note(n, problem{Conflict, err.Error()}, nil)
			case err != nil:
				note(n, problem{Failed, err.Error()}, err)
			default:
				note(n, problem{state: Synced}, nil)
			}
			return nil
		})
	}
	_ = group.Wait() // all are tried; their errors are in errs
	slices.SortFunc(errs, func(a, b error) int { return slices.Compare([]byte(a.Error()), []byte(b.Error())) })
	return found, errs
}

func always() bool { return true }

// prune deletes those of our Secrets that Vault no longer has, and notes in found those that it must not delete.
func (s *syncer) prune(ctx context.Context, found map[string]problem, failed bool) (errs []error) {
	var gone []*corev1.Secret
	ours := s.cluster.ours()
	for _, secret := range ours {
		if !s.last.mentions(nameOf(secret)) && secret.DeletionTimestamp == nil {
			gone = append(gone, secret)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	slices.SortFunc(gone, func(a, b *corev1.Secret) int { return nameOf(a).compare(nameOf(b)) })
	why := ""
	if failed {
		why = "Vault no longer has it; nothing is deleted in a pass in which something failed"
	} else if len(gone) > mayDelete(len(ours), *s.config.MaxDelete) {
		why = fmt.Sprintf("Vault no longer has it; %d of our %d Secrets would be deleted, and at most %d%% are allowed: delete them by hand or raise the share", len(gone), len(ours), *s.config.MaxDelete)
		errs = append(errs, fmt.Errorf("%d of our %d Secrets are gone from Vault, and at most %d%% may be deleted at once: none is", len(gone), len(ours), *s.config.MaxDelete))
	}
	for _, secret := range gone {
		n := nameOf(secret)
		if why != "" {
			found[n.String()] = problem{Withheld, why}
			continue
		}
		if err := s.cluster.remove(ctx, secret); err != nil {
			found[n.String()] = problem{Failed, err.Error()}
			errs = append(errs, err)
			continue
		}
		s.report.writes.WithLabelValues("delete").Inc()
		s.log.InfoContext(ctx, "deleted a Secret", "secret", n.String(), "reason", "Vault no longer has it")
	}
	return errs
}

func nameOf(s *corev1.Secret) name { return name{s.Namespace, s.Name} }

// repair puts one Secret right after somebody touched it, by what Vault said last.
func (s *syncer) repair(ctx context.Context, n name) {
	want, ok := s.last.secrets[n]
	if !ok {
		return // what is too much is the next pass's to judge
	}
	switch wrote, err := s.cluster.ensure(ctx, n, want, s.repairs.TryAccept); {
	case err != nil:
		s.log.WarnContext(ctx, "cannot put a Secret right; the next pass tries again", "secret", n.String(), "error", err)
	case wrote:
		s.wrote(ctx, n, "it was changed or deleted in the cluster")
	}
}

func (s *syncer) wrote(ctx context.Context, n name, reason string) {
	s.report.writes.WithLabelValues("write").Inc()
	s.log.InfoContext(ctx, "wrote a Secret", "secret", n.String(), "reason", reason)
}

// tell logs how a path stands now, once.
func (s *syncer) tell(ctx context.Context, path string, p problem) {
	if p.state == Synced {
		s.log.InfoContext(ctx, "a Secret is as Vault has it again", "path", path)
		return
	}
	s.log.WarnContext(ctx, "a Secret is not as Vault has it", "path", path, "state", string(p.state), "reason", p.reason)
}
