package reconciler

import (
	"time"

	"cutover/generator"
	"cutover/generator/pipeline"
	"cutover/gitops/estate"
	"cutover/gitops/review"
	"cutover/reconciler/drift"
	"cutover/reconciler/evidence"
	"cutover/reconciler/object"
	"cutover/reconciler/phase"
)

// knowledge is what was observed of one migration and need not be asked again until it may have changed. It is a cache,
// which a full pass forgets; only what was started, and what was told, is kept beyond that.
type knowledge struct {
	desired *desired // the newest commit that can be used
	// unusable says why the branch's newest commit is not desired; nil if it is.
	unusable *BadInput
	have     map[string][]pipeline.Document // Gate's pipelines, by application
	// compared is how these compare with the pipelines of comparedFor; nil once either is another.
	compared    []generator.Change
	comparedFor *desired
	deployments map[estate.ServiceID]history
	units       map[estate.ServiceID]standing
	// started are deployments that were triggered and that no list has shown yet.
	started map[estate.ServiceID]start
	// refused is what a system would not do, and why: an action, what would be said in one place, or a saving or a
	// deployment; see effectOf, say, savingOf and deploymentOf.
	refused map[string]refusal
	// course is where the markers have brought the migration, and arrivals how their commits came to the branch.
	course    *course
	courseFor courseOrigin             // what the course was found for, if it cannot be another one for that
	arrivals  map[string]arrival       // by commit
	markers   map[string]writtenMarker // by commit
	heads     estate.Heads             // of all branches, as they were last fetched
	paths     map[string]changedPaths  // that a pull request changes, by number, commit and base

	survey   fresh[evidence.Survey]
	rejected fresh[[]evidence.Rejection]
	secrets  fresh[evidence.Secrets]
	tree     evidence.SecretTree // that secrets were compared for
	roles    fresh[[]evidence.Role]
	trust    estate.Trust // that roles were asked for
	running  fresh[[]string]
	still    bool   // the old stack does not change any more
	freeze   string // the commit of the marker that began the freeze that was looked at last
	open     fresh[[]review.PullRequest]
	frozen   fresh[[]evidence.FrozenReview]
	silences fresh[[]evidence.Silence]
	analysis analysis
	comments map[int]*fresh[[]evidence.Approval] // by pull request
	blocked  map[string]*fresh[bool]             // whether a developer's commit has our failing status
	versions map[estate.ServiceID]*fresh[running]
	pods     map[estate.ServiceID]*fresh[podCount]

	haveAt   time.Time            // since when have is known
	said     map[string]said      // what was last said where
	plans    map[string]plan      // of open pull requests, by number
	breached map[string]time.Time // since when an invariant is broken, by its name
	// breachedNoted is what the journal has of that; nil until it was read.
	breachedNoted map[string]time.Time
	resync        *phase.Resync // what a pull request was told last of what is to be brought over; not changed once it is made
	recorded      phase.Reason  // of the last decision in the journal

	report   Report   // the last one
	repaired []Repair // newest first, at most maxRepaired
	passes   int64
	acts     bool // the pass may write
}

// maxRepaired is how many repairs are remembered for people to read.
const maxRepaired = 10

// refusal is what a system says to an effect that it refuses, and when it is worth asking again: a person has to change
// something first, and may do so anywhere.
type refusal struct {
	err   error
	until time.Time
}

// refusalPause is how long a refused effect is left alone.
const refusalPause = time.Minute

// refuse remembers that something was refused.
func (k *knowledge) refuse(what string, err error, now time.Time) {
	k.refused[what] = refusal{err, now.Add(refusalPause)}
}

// refusal is why something is not to be tried now; nil if it is.
func (k *knowledge) refusal(what string, now time.Time) error {
	if r := k.refused[what]; now.Before(r.until) {
		return r.err
	}
	return nil
}

// start is a deployment that was triggered, and when.
type start struct {
	evidence.Deployment
	at time.Time
}

// history is what is known of a service's executions.
type history struct {
	ours []evidence.Deployment // newest first
	// occupied is the id of somebody else's execution that is under way; "" if none is.
	occupied string
	// listed says that nothing which we started is missing from Spinnaker's own list.
	listed bool
}

// ended tells whether nothing is under way.
func (h history) ended() bool {
	return h.occupied == "" && (len(h.ours) == 0 || h.ours[0].Status.Complete())
}

// standing is how one unit stands in the new cluster.
type standing struct {
	digest string // of the objects that it was compared with
	drift  drift.Entry
	ready  bool
	status string // what is missing, if it is not ready
}

func (r *Reconciler) knowledgeOf(branch string) *knowledge {
	k, ok := r.known[branch]
	if !ok {
		k = &knowledge{started: map[estate.ServiceID]start{}, arrivals: map[string]arrival{}, markers: map[string]writtenMarker{}, paths: map[string]changedPaths{}, said: map[string]said{}, plans: map[string]plan{}, breached: map[string]time.Time{}}
		k.forget()
		r.known[branch] = k
	}
	return k
}

// forget drops every observation, but not what was started: that is remembered until a list shows it.
func (k *knowledge) forget() {
	k.desired, k.unusable, k.comparedFor = nil, nil, nil // the cluster may serve other kinds by now
	k.have = map[string][]pipeline.Document{}
	k.deployments = map[estate.ServiceID]history{}
	k.units = map[estate.ServiceID]standing{}
	k.refused = map[string]refusal{}
	for _, f := range []interface{ forget() }{
		&k.survey, &k.rejected, &k.secrets, &k.roles, &k.running, &k.open, &k.frozen, &k.silences, &k.analysis,
	} {
		f.forget()
	}
	k.comments = map[int]*fresh[[]evidence.Approval]{}
	k.blocked = map[string]*fresh[bool]{}
	k.askArrivals()
	k.versions = map[estate.ServiceID]*fresh[running]{}
	k.pods = map[estate.ServiceID]*fresh[podCount]{}
}

// forgetReviews drops what is known of pull requests, but for the statuses of developers' commits: every webhook would cost
// a call for each of them, and few webhooks are of one.
func (k *knowledge) forgetReviews() {
	k.open.forget()
	k.frozen.forget()
	k.comments = map[int]*fresh[[]evidence.Approval]{}
	k.askArrivals()
}

// commentsOf, versionOf and podCountOf are what is known of one pull request or service.
func (k *knowledge) commentsOf(number int) *fresh[[]evidence.Approval] {
	return entry(k.comments, number)
}
func (k *knowledge) versionOf(id estate.ServiceID) *fresh[running]   { return entry(k.versions, id) }
func (k *knowledge) podCountOf(id estate.ServiceID) *fresh[podCount] { return entry(k.pods, id) }

func entry[K comparable, V any](m map[K]*V, key K) *V {
	if m[key] == nil {
		m[key] = new(V)
	}
	return m[key]
}

// hold notes whether the old stack changes any more. What was read of it before it stood still may be old.
func (k *knowledge) hold(still bool) {
	if still && !k.still {
		clear(k.versions)
	}
	k.still = still
}

// touched drops what is known of a set whose objects changed in the new cluster.
func (k *knowledge) touched(set object.Set) {
	for id := range k.units {
		if id.Namespace.String() == set.Namespace && id.Name.String() == set.Name {
			delete(k.units, id)
		}
	}
}
