package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/gitops/values"
	"cutover/reconciler"
	"cutover/reconciler/failure"
	"cutover/reconciler/phase"
	"cutover/reconciler/world"
)

const markerPath = "migrations/eks/phase.yaml"

// host is the git host of a world, which counts what it is asked and may be slow to tell of a merge.
type host struct {
	reconciler.Reviews
	reconciler.Conversations
	asked map[string]int
	late  bool
}

func (h *host) Arrival(ctx context.Context, branch, commit string) (review.Arrival, error) {
	h.asked["arrival"]++
	if h.late {
		return review.Arrival{}, failure.ErrNotFound
	}
	return h.Reviews.Arrival(ctx, branch, commit)
}

func (h *host) Statuses(ctx context.Context, commit string) ([]review.Status, error) {
	h.asked["statuses"]++
	return h.Conversations.Statuses(ctx, commit)
}

func (h *host) Paths(ctx context.Context, number int) ([]string, error) {
	h.asked["paths"]++
	return h.Reviews.Paths(ctx, number)
}

// counted starts another daemon, on a host that counts.
func (tr *trip) counted() *host {
	tr.Helper()
	tr.p = tr.w.Start()
	h := &host{asked: map[string]int{}}
	tr.r = onChanged(tr.T, tr.p, func(c *reconciler.Config) {
		h.Reviews, h.Conversations = c.Reviews, c.Conversations
		c.Reviews, c.Conversations = h, h
	})
	return h
}

// changed passes as the daemon does between two full passes, for some simulated time.
func (tr *trip) changed(d time.Duration) {
	tr.Helper()
	for end := tr.w.Now().Add(d); tr.w.Now().Before(end); tr.w.Advance(tr.w.Now().Add(2 * time.Second)) {
		heads, err := tr.p.Ports().Repository.Fetch(tr.Context())
		if err != nil {
			tr.Fatal(err)
		}
		if _, err := tr.r.Pass(tr.Context(), heads, reconciler.Changed); err != nil && !errors.Is(err, failure.ErrConflict) {
			tr.Fatal(err)
		}
	}
	for _, report := range tr.r.Reports() {
		tr.last = report
	}
}

// offer lets a person open a pull request of some commits.
func (tr *trip) offer(branch, base string, commits ...[]estate.File) int {
	tr.Helper()
	tr.w.Branch(branch, tr.w.Head(base))
	for _, files := range commits {
		if _, err := tr.w.Push("dana", branch, files, nil, "On\n\nCutover-Phase: deploy"); err != nil {
			tr.Fatal(err)
		}
	}
	number, err := tr.w.Open("dana", branch, base, "On")
	if err != nil {
		tr.Fatal(err)
	}
	return number
}

func (tr *trip) mergeBy(number int, method world.Method) {
	tr.Helper()
	if err := tr.w.Merge("rita", number, method); err != nil {
		tr.Fatal(err)
	}
}

// TestMixedMarker: a marker inside another pull request does not count, however that is merged.
func TestMixedMarker(t *testing.T) {
	t.Parallel()
	marker := []estate.File{{Path: markerPath, Data: values.MarkerFile(estate.Marker{Phase: estate.Deploy})}}
	for _, method := range []world.Method{world.MergeCommit, world.Squash, world.Rebase} {
		t.Run(string(method), func(t *testing.T) {
			t.Parallel()
			tr := newTrip(t)
			tr.through("prepare")
			for i, shape := range []string{"in one commit", "in a second one", "with another after"} {
				path := fmt.Sprintf("docs/%d.md", i)
				other := []estate.File{{Path: path, Data: []byte("more\n")}}
				commits := [][][]estate.File{{slices.Concat(other, marker)}, {other, marker}, {marker, other}}[i]
				tr.mergeBy(tr.offer(fmt.Sprint("dana/", i), migrationBranch, commits...), method)
				tr.until("the marker "+shape+" is refused", time.Minute, tr.decides(phase.MarkerMixed))
				if d := tr.last.Decision; d.Kind != phase.Refuse || !strings.Contains(d.Reason.Text, path) || tr.last.Marker.Phase != estate.Prepare {
					t.Errorf("%s: %s at %s: %s", shape, d.Kind, phase.Title(tr.last.Marker), d.Reason.Text)
				}
				tr.back(estate.Marker{Phase: estate.Prepare})
				tr.until("it goes on", time.Hour, func() bool { return tr.last.Decision.Kind == phase.Advance })
			}
		})
	}
}

// TestAnOpenRevert: the button of the git host that reverts a merge writes no trailer. Whoever looks at what it opens must
// not be told that it moves nothing, or be kept from merging it.
func TestAnOpenRevert(t *testing.T) {
	t.Parallel()
	tr := newCanary(t)
	tr.w.Branch("revert-25", tr.w.Head(migrationBranch))
	marker := []estate.File{{Path: markerPath, Data: values.MarkerFile(estate.Marker{Phase: estate.Canary, Weight: 1})}}
	if _, err := tr.w.Push("dana", "revert-25", marker, nil, "Revert \"eks: canary 25%\""); err != nil {
		t.Fatal(err)
	}
	number, err := tr.w.Open("dana", "revert-25", migrationBranch, "Revert")
	if err != nil {
		t.Fatal(err)
	}
	tr.until("it is told what it does", time.Minute, func() bool { return strings.Contains(tr.said(number), "Plan: canary 1%") })
	if said := tr.said(number); strings.Contains(said, "would be refused") {
		t.Errorf("it is told: %s", said)
	}
	tr.mergeBy(number, world.MergeCommit)
	tr.until("the traffic goes back", time.Minute, tr.at(1))
}

// said is what is said under a pull request.
func (tr *trip) said(number int) string {
	tr.Helper()
	comments, err := tr.w.Another().Ports().Host.Comments(tr.Context(), number)
	if err != nil {
		tr.Fatal(err)
	}
	var out strings.Builder
	for _, c := range comments {
		fmt.Fprintln(&out, c.Text)
	}
	return out.String()
}

// TestRetargeted: a pull request that is pointed at another branch changes other paths.
func TestRetargeted(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	tr.through("prepare")
	tr.w.Branch("dana/deploy", tr.w.Head(migrationBranch))
	marker := []estate.File{{Path: markerPath, Data: values.MarkerFile(estate.Marker{Phase: estate.Deploy})}}
	if _, err := tr.w.Push("dana", "dana/deploy", marker, nil, "On\n\nCutover-Phase: deploy"); err != nil {
		t.Fatal(err)
	}
	number, err := tr.w.Open("dana", "dana/deploy", world.Main, "On")
	if err != nil {
		t.Fatal(err)
	}
	tr.until("it is refused on main", time.Minute, func() bool { return strings.Contains(tr.said(number), string(phase.MarkerElsewhere)) })
	if err := tr.w.Retarget("dana", number, migrationBranch); err != nil {
		t.Fatal(err)
	}
	tr.until("it is told what it does", time.Minute, func() bool {
		return strings.Contains(tr.said(number), "Plan: deploy") && !strings.Contains(tr.said(number), "refused")
	})
	tr.mergeBy(number, world.MergeCommit)
	tr.until("it counts", time.Minute, func() bool { return tr.last.Marker.Phase == estate.Deploy })
}

// refusing is a git host that takes neither comments nor statuses.
type refusing struct {
	reconciler.Conversations
	asked *int
}

func (r refusing) Comment(context.Context, int, string, string) error {
	*r.asked++
	return fmt.Errorf("%w: HTTP 403", failure.ErrRefused)
}

func (r refusing) SetStatus(context.Context, string, review.Status) error {
	*r.asked++
	return fmt.Errorf("%w: HTTP 403", failure.ErrRefused)
}

// TestHostRefuses: what a host refuses is not said again in every pass, and what the decisions ask of it neither: the calls
// that find a merge must not run out, and the journal is not to fill.
func TestHostRefuses(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	tr.offer("dana/values", world.Main, []estate.File{{Path: "deploy-values/orbit/web/profile/values.yaml", Data: []byte("a: 1\n")}})
	tr.through("prepare")
	tr.through("deploy")
	asked := 0
	tr.p = tr.w.Start()
	tr.r = onChanged(t, tr.p, func(c *reconciler.Config) { c.Conversations = refusing{c.Conversations, &asked} })
	tr.merge(tr.proposed("freeze").Number)
	entries := len(tr.w.Entries())
	const minutes = 10
	for end := tr.w.Now().Add(minutes * time.Minute); tr.w.Now().Before(end); tr.w.Advance(tr.w.Now().Add(2 * time.Second)) {
		heads, err := tr.p.Ports().Repository.Fetch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tr.r.Pass(t.Context(), heads, reconciler.Changed); err == nil || !strings.Contains(err.Error(), "HTTP 403") {
			t.Fatalf("error = %v, want one that says what the host refuses", err)
		}
	}
	if asked < minutes || asked > 12*minutes {
		t.Errorf("the host was asked %d times in %d minutes", asked, minutes)
	}
	if n := len(tr.w.Entries()) - entries; n > 100 {
		t.Errorf("%d entries in the journal", n)
	}
}

// TestPushedMarkerIsAskedForRarely: a pushed marker must not use up the calls that a host allows.
func TestPushedMarkerIsAskedForRarely(t *testing.T) {
	t.Parallel()
	tr := newCanary(t)
	h := tr.counted()
	tr.changed(10 * time.Second)
	h.asked["arrival"] = 0
	tr.push(markerPath, "phase: canary\nweight: 100\n")
	tr.changed(10 * time.Minute)
	if n := h.asked["arrival"]; n < 3 || n > 6 || tr.last.Decision.Reason.Code != phase.MarkerPushed {
		t.Errorf("in 300 passes the host was asked %d times; %s", n, tr.last.Decision.Reason.Code)
	}
	tr.pass()
	if n := h.asked["arrival"]; n > 7 {
		t.Errorf("and in a full one up to %d", n)
	}
}

// TestHostTellsLate: a merge that the host tells of after a long time counts all the same, and at once in a full pass.
func TestHostTellsLate(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	tr.through("prepare")
	p, _ := tr.open("deploy")
	h := tr.counted()
	tr.pass()
	h.late = true
	tr.mergeBy(p.Number, world.MergeCommit)
	tr.changed(20 * time.Minute)
	if tr.last.Decision.Reason.Code != phase.MarkerPushed {
		t.Fatalf("%s: %s", tr.last.Decision.Reason.Code, tr.last.Decision.Reason.Text)
	}
	h.late = false
	tr.pass()
	if tr.last.Marker.Phase != estate.Deploy {
		t.Errorf("it stands at %s: %s", phase.Title(tr.last.Marker), tr.last.Decision.Reason.Text)
	}
}

// TestHostAway: while nobody can tell how a new marker came, what was reached is kept up, by another process too.
func TestHostAway(t *testing.T) {
	t.Parallel()
	for name, restart := range map[string]func(*trip){"the same process": func(*trip) {}, "another process": (*trip).restart} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newCanary(t)
			p, ok := tr.open("canary 100%")
			if !ok {
				t.Fatal("no pull request of canary 100%")
			}
			tr.w.Away("host", time.Hour)
			tr.mergeBy(p.Number, world.MergeCommit)
			restart(tr)
			tr.until("it is said", time.Minute, tr.decides(phase.Unseen))
			if d := tr.last.Decision; !strings.HasPrefix(d.Reason.Text, "the git host could not be looked at") || tr.last.Marker.Weight != 25 {
				t.Errorf("at %s: %s", phase.Title(tr.last.Marker), d.Reason.Text)
			}
			for _, proxy := range []string{"edge-1", "edge-2"} {
				tr.w.Reload(proxy)
			}
			tr.until("the weights are set again", time.Minute, tr.at(25))
			if _, err := on(t, tr.w.Another()).Propose(t.Context(), tr.w.Heads(), "eks", reconciler.Move{Pause: "lunch"}); !errors.Is(err, failure.ErrTransient) {
				t.Errorf("a command says %v", err)
			}
			tr.w.Advance(tr.w.Now().Add(time.Hour))
			tr.until("the marker counts", 4*time.Hour, func() bool { return tr.at(100)() && tr.last.Decision.Kind == phase.Advance })
		})
	}
}

// TestHugeReview: a pull request of which the host does not list all files stops nothing. In the freeze it is blocked, and
// with a marker it is refused.
func TestHugeReview(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	var files []estate.File
	for i := range world.MostPaths + 1 {
		files = append(files, estate.File{Path: fmt.Sprintf("dumps/%d.json", i), Data: []byte("{}\n")})
	}
	huge := tr.offer("dana/huge", world.Main, files)
	tr.through("prepare")
	h := tr.counted()
	for _, checkpoint := range []string{"deploy", "freeze"} {
		tr.through(checkpoint)
	}
	if n := h.asked["paths"]; n > 20 {
		t.Errorf("paths were asked for %d times", n)
	}
	if err := tr.w.Merge("dana", huge, world.MergeCommit); !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), "eks/frozen") {
		t.Errorf("in the freeze it is merged: %v", err)
	}
	silent := tr.offer("dana/silent", migrationBranch, files)
	marker := estate.File{Path: markerPath, Data: values.MarkerFile(estate.Marker{Phase: estate.Deploy})}
	with := tr.offer("dana/with", migrationBranch, append(slices.Clone(files), marker))
	tr.pass()
	if err := tr.w.Merge("dana", with, world.MergeCommit); !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), string(phase.MarkerMixed)) {
		t.Errorf("with a marker it is merged: %v", err)
	}
	tr.mergeBy(silent, world.MergeCommit)
	tr.until("it goes on", time.Hour, func() bool { return tr.last.Decision.Kind == phase.Advance })
}

// TestFreezeAsksRarely: the statuses of developers' pull requests are remembered.
func TestFreezeAsksRarely(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	for i, service := range []string{"profile", "media"} {
		tr.offer(fmt.Sprint("dana/", i), world.Main, []estate.File{{Path: "deploy-values/orbit/web/" + service + "/values.yaml", Data: []byte("a: 1\n")}})
	}
	for _, checkpoint := range []string{"prepare", "deploy", "freeze"} {
		tr.through(checkpoint)
	}
	h := tr.counted()
	tr.changed(9 * time.Minute)
	if n := h.asked["statuses"]; n != 3 {
		t.Errorf("in 270 passes the statuses of two pull requests and a proposal were asked for %d times", n)
	}
	late := tr.offer("dana/late", world.Main, []estate.File{{Path: "deploy-values/orbit/web/profile/prod-values.yaml", Data: []byte("a: 2\n")}})
	tr.changed(90 * time.Second)
	if err := tr.w.Merge("dana", late, world.MergeCommit); !errors.Is(err, failure.ErrRefused) {
		t.Errorf("a new pull request is merged: %v", err)
	}
}

// TestBranchInUseStays: the branch of a checkpoint is deleted as it was merged, and never under a pull request that is just
// being opened from it.
func TestBranchInUseStays(t *testing.T) {
	t.Parallel()
	tr := newTrip(t)
	tr.through("prepare")
	const branch = "advance/eks/prepare"
	if tr.w.Head(branch) != "" {
		t.Errorf("%s is left", branch)
	}
	other := []estate.File{{Path: markerPath, Data: values.MarkerFile(estate.Marker{Phase: estate.Deploy})}, {Path: "notes.md", Data: []byte("more\n")}}
	tr.mergeBy(tr.offer("dana/1", migrationBranch, other), world.MergeCommit)
	tr.until("the marker is refused", time.Minute, tr.decides(phase.MarkerMixed))
	m, at := tr.w.Migration(), estate.Marker{Phase: estate.Prepare}
	if _, err := tr.w.Another().Ports().Repository.Propose(t.Context(), reconciler.MarkerChange(&m, at, tr.w.Head(migrationBranch))); err != nil {
		t.Fatal(err)
	}
	tr.pass() // between the push and the pull request
	if tr.w.Head(branch) == "" {
		t.Fatalf("%s was deleted under the command", branch)
	}
	tr.back(at)
	tr.until("and goes on", time.Hour, func() bool { return tr.last.Decision.Kind == phase.Advance })
	tr.pass()
	if tr.w.Head(branch) != "" {
		t.Errorf("%s is left", branch)
	}
}
