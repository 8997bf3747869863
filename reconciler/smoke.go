package reconciler

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
	"cutover/reconciler/phase"
	"cutover/reconciler/record"
)

// smokeResult is the note of a smoke test's newest result.
type smokeResult struct {
	State  evidence.SmokeState `json:"state"`
	Reason string              `json:"reason"`
	At     time.Time           `json:"at"`
	// Of identifies what ran in the new cluster, and Begun is the commit of the marker that had begun the phase, so that a
	// result counts only for these.
	Of    string `json:"of"`
	Begun string `json:"begun"`
	// Job is the name of the newest attempt's Job; "" for a test without one.
	Job string `json:"job,omitempty"`
}

func smokeKey(step int, name string) string { return fmt.Sprintf("smoke.%d.%s", step, name) }

// smokeStep is a step that tests the new cluster, and the phase that it belongs to.
type smokeStep struct {
	number int
	phase  estate.Phase
}

var smokeSteps = []smokeStep{{7, estate.Deploy}, {12, estate.Freeze}}

// observeSmoke tells the newest results of the smoke tests (steps 7 and 12). Once a later phase has begun, a result stays:
// what that phase brings along is tested by its own step.
func (r *Reconciler) observeSmoke(ctx context.Context, d *desired, k *knowledge, e *evidence.Evidence) error {
	seen := !e.IsUnseen(evidence.TheServices)
	for _, step := range smokeSteps {
		if k.course.reached < step.phase {
			continue
		}
		for _, test := range d.migration.Smoke {
			s, err := r.smokeOf(ctx, d, k, step, test, seen)
			if err != nil {
				return fmt.Errorf("%s: %w", test.Name, err)
			}
			e.Smoke = append(e.Smoke, s)
		}
	}
	return nil
}

// smokeOf is the newest result of a test. Whether it is known when the services were deployed is told by seen.
func (r *Reconciler) smokeOf(ctx context.Context, d *desired, k *knowledge, step smokeStep, test estate.Smoke, seen bool) (evidence.Smoke, error) {
	s := evidence.Smoke{Name: test.Name, Step: step.number, State: evidence.SmokeDue}
	var known smokeResult
	ok, err := r.note(ctx, d, smokeKey(step.number, test.Name), &known)
	if err != nil {
		return s, err
	}
	now, later := testedNow(d, k, step), k.course.at.Phase > step.phase
	counts := ok && known.Begun == now.Begun && (known.Of == now.Of || known.State == evidence.SmokePassed && later)
	if counts {
		s.State, s.Reason, s.At = known.State, known.Reason, known.At
	}
	switch {
	case counts && known.State == evidence.SmokePassed && (test.Approval == "" || later):
	case test.Approval != "":
		if s, err = r.approvalOf(ctx, k, step, test, s, seen); err != nil || s.State != evidence.SmokePassed || counts || !k.acts {
			return s, err
		}
		// In a later phase it stays, also if the branch is rewritten and the pull request is not known any more.
		now.State, now.Reason, now.At = s.State, s.Reason, s.At
		return s, r.setNote(ctx, d, smokeKey(step.number, test.Name), now)
	case test.Job != nil && counts && known.State == evidence.SmokeRunning:
		if known, err = r.smokeJob(ctx, d, k, step.number, test, known); err != nil {
			return s, err
		}
		s.State, s.Reason, s.At = known.State, known.Reason, known.At
	}
	return s, nil
}

// testedNow is the note of a test that is made now, without its result.
func testedNow(d *desired, k *knowledge, step smokeStep) smokeResult {
	return smokeResult{Of: runningOf(d), Begun: k.course.began(step.phase).Commit}
}

// runningOf identifies what git names for the new cluster.
func runningOf(d *desired) string {
	h := sha256.New()
	for _, u := range d.units {
		fmt.Fprintln(h, u.service.ServiceID, u.digest)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// approve begins the comment by which a person approves.
const approve = "/approve "

// approvalOf looks for a person's approval under the pull request that began the phase. Nobody can have tried what was not
// there: in phase deploy it has to be younger than the first deployment of every service, and in phase freeze, when
// nothing but the re-sync deploys, younger than the last one.
func (r *Reconciler) approvalOf(ctx context.Context, k *knowledge, step smokeStep, test estate.Smoke, s evidence.Smoke, seen bool) (evidence.Smoke, error) {
	s.State, s.Reason = evidence.SmokeWaiting, ""
	number := k.course.began(step.phase).PullRequest
	switch {
	case !seen:
		return s, nil
	case number == 0 || r.Conversations == nil:
		s.Reason = "no pull request brought the marker, so that nobody can approve under it"
		return s, nil
	}
	said, err := k.commentsOf(number).get(r.Now(), commentsFor, func() ([]evidence.Approval, error) {
		return r.approvals(ctx, number)
	})
	if err != nil {
		return s, err
	}
	since := deployedAt(k, step.phase)
	for _, a := range said {
		switch {
		case a.Name != test.Name:
		case !a.At.Before(since):
			s.State, s.Reason, s.At = evidence.SmokePassed, "approved by "+a.By, a.At
		case s.State == evidence.SmokeWaiting:
			s.Reason = fmt.Sprintf("%s approved what ran before the deployment of %s", a.By, since.UTC().Format(time.TimeOnly))
		}
	}
	return s, nil
}

// deployedAt is when what a phase's tests are about was deployed, in whole seconds as git hosts have it.
func deployedAt(k *knowledge, of estate.Phase) time.Time {
	var last time.Time
	for _, h := range k.deployments {
		if len(h.ours) == 0 {
			continue
		}
		x := h.ours[0]
		if of == estate.Deploy {
			x = h.ours[len(h.ours)-1]
		}
		if x.Ended.After(last) {
			last = x.Ended
		}
	}
	return last.Truncate(time.Second)
}

// approvals reads which tests people have approved under a pull request. What we write ourselves approves nothing.
func (r *Reconciler) approvals(ctx context.Context, number int) ([]evidence.Approval, error) {
	comments, err := r.Conversations.Comments(ctx, number)
	if err != nil {
		return nil, err
	}
	var out []evidence.Approval
	for _, c := range comments {
		for line := range strings.Lines(c.Text) {
			if name, ok := strings.CutPrefix(strings.TrimSpace(line), approve); ok && !c.Ours {
				out = append(out, evidence.Approval{Name: strings.TrimSpace(name), By: c.Author, At: c.At})
			}
		}
	}
	return out, nil
}

// runSmoke runs one test and notes its result.
func (x *effects) runSmoke(ctx context.Context, a phase.Action) error {
	at := slices.IndexFunc(x.d.migration.Smoke, func(s estate.Smoke) bool { return s.Name == a.Target })
	if at < 0 {
		return fmt.Errorf("the migration names no smoke test %q", a.Target)
	}
	test := x.d.migration.Smoke[at]
	step := smokeSteps[slices.IndexFunc(smokeSteps, func(s smokeStep) bool { return s.number == a.Step })]
	result := testedNow(x.d, x.k, step)
	result.State, result.At = evidence.SmokePassed, x.r.Now()
	switch {
	case test.HTTP != nil:
		status, err := x.r.Prober.Probe(ctx, test.HTTP.URL)
		result.Reason = fmt.Sprintf("%s answered %d %s", test.HTTP.URL, status, http.StatusText(status))
		if err != nil {
			result.State, result.Reason = evidence.SmokeFailed, err.Error()
		} else if status != test.HTTP.Status {
			result.State, result.Reason = evidence.SmokeFailed, fmt.Sprintf("%s, not %d", result.Reason, test.HTTP.Status)
		}
	case test.Job != nil:
		return x.runSmokeJob(ctx, a.Step, test, result)
	default:
		return fmt.Errorf("test %q is a person's to approve", test.Name)
	}
	return x.r.setNote(ctx, x.d, smokeKey(a.Step, test.Name), result)
}

// note reads a note of the migration into v, and tells whether there is one.
func (r *Reconciler) note(ctx context.Context, d *desired, key string, v any) (bool, error) {
	n, ok, err := r.Journal.Note(ctx, d.migration.Name, key)
	if err != nil || !ok {
		return false, err
	}
	return true, json.Unmarshal(n.Value, v)
}

func (r *Reconciler) setNote(ctx context.Context, d *desired, key string, v any) error {
	value, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return r.Journal.SetNote(ctx, d.migration.Name, record.Note{Key: key, Value: value, At: r.Now()})
}
