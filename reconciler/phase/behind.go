package phase

import (
	"strings"
	"time"

	"cutover/gitops/estate"
	"cutover/reconciler/evidence"
)

// Resync is what the old side has and the new one has not, or has otherwise: what is brought over, by step 9 at the
// latest. It names the keys of secrets, and never holds a value.
type Resync struct {
	At      time.Time          `json:"at"`      // when it was looked at
	Cluster estate.ClusterName `json:"cluster"` // the old one
	// Services are those of which the old cluster runs another version than is pinned.
	Services []ServiceBehind `json:"services,omitempty"`
	Main     MainAhead       `json:"main,omitzero"`
	Secrets  []SecretBehind  `json:"secrets,omitempty"`
	// Kept are keys of secrets that only the copy has: nobody deletes them.
	Kept      []SecretBehind `json:"kept,omitempty"`
	Roles     []Lacking      `json:"roles,omitempty"`
	Pipelines []Lacking      `json:"pipelines,omitempty"`
	Files     []Lacking      `json:"files,omitempty"` // generated ones, on the migration's branch
	// Unseen are systems that could not be looked at: of them the list knows nothing.
	Unseen []string `json:"unseen,omitempty"`
}

// ServiceBehind is a service of which the old cluster runs another version than is pinned.
type ServiceBehind struct {
	Service string         `json:"service"`
	Running estate.Version `json:"running"` // in the old cluster
	Pinned  estate.Version `json:"pinned"`
	// Since is when that was seen first; zero if no daemon has noted it yet. Days are the whole days since then.
	Since time.Time `json:"since,omitzero"`
	Days  int       `json:"days"`
}

// MainAhead is what the base branch has and the migration's branch lacks.
type MainAhead struct {
	Behind  int          `json:"behind"` // counts the commits
	Commits []MainCommit `json:"commits,omitempty"`
	Take    []string     `json:"take,omitempty"` // paths that a merge takes over
	// Conflicts are paths that both changed: a person has to settle them first.
	Conflicts []MainConflicting `json:"conflicts,omitempty"`
	// Unusable says what is wrong with the base branch, so that it is not merged.
	Unusable string `json:"unusable,omitempty"`
}

// MainCommit is a commit of the base branch.
type MainCommit struct {
	Commit  string    `json:"commit"`
	Author  string    `json:"author"`
	At      time.Time `json:"at"`
	Subject string    `json:"subject"`
}

// MainConflicting is a path that both branches changed, and the newest commit that did on each.
type MainConflicting struct {
	Path   string `json:"path"`
	Ours   string `json:"ours"`   // on the migration's branch
	Theirs string `json:"theirs"` // on the base branch
}

// SecretBehind is a key in which the copy of the secrets differs.
type SecretBehind struct {
	Path string              `json:"path"`
	Key  string              `json:"key,omitempty"` // none: the secret as a whole, such as its metadata
	Kind evidence.SecretKind `json:"kind"`
}

// Lacking is something of the new side that is not as it should be.
type Lacking struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// ResyncOf lists what is to be brought over. Evidence of a migration that is not frozen yet has to be gathered for the
// freeze: before, not all of this is observed.
func ResyncOf(m *estate.Migration, e *evidence.Evidence, now time.Time) Resync {
	out := Resync{At: now, Cluster: m.From.Cluster, Main: mainAhead(e.Main)}
	for _, s := range e.Services {
		if IsBehind(s) {
			b := ServiceBehind{Service: s.ID.String(), Running: s.Running, Pinned: s.Pinned, Since: s.Since}
			if !s.Since.IsZero() {
				b.Days = int(now.Sub(s.Since).Hours() / 24)
			}
			out.Services = append(out.Services, b)
		}
	}
	for _, d := range e.Secrets.Different {
		switch b := (SecretBehind{d.Path, d.Key, d.Kind}); d.Kind {
		case evidence.SecretMissing, evidence.SecretDiffers:
			out.Secrets = append(out.Secrets, b)
		case evidence.SecretExtra:
			out.Kept = append(out.Kept, b)
		case evidence.SecretStale: // an address, which git names: nothing of the old side changed
		}
	}
	for _, r := range e.Roles {
		switch {
		case r.Missing:
			out.Roles = append(out.Roles, Lacking{r.Name, "there is no such role"})
		case !r.Trusts && r.Problem != "":
			out.Roles = append(out.Roles, Lacking{r.Name, "cannot be changed: " + r.Problem})
		case !r.Trusts:
			out.Roles = append(out.Roles, Lacking{r.Name, "does not trust " + m.Trust.Principal})
		}
	}
	for _, p := range e.Pipelines {
		if p.State != evidence.PipelineSame {
			reason := p.Reason
			if reason == "" {
				reason = string(p.State)
			}
			out.Pipelines = append(out.Pipelines, Lacking{p.Application + "/" + p.Name, reason})
		}
	}
	for _, f := range e.Files {
		out.Files = append(out.Files, Lacking{f.Path, string(f.State)})
	}
	for _, u := range e.Unseen {
		out.Unseen = append(out.Unseen, u.What+": "+u.Reason)
	}
	return out
}

// IsBehind tells whether the old cluster runs another version of a service than is pinned. One without a pinned version
// was never brought over, and is not behind.
func IsBehind(s evidence.Service) bool {
	return !s.Running.IsZero() && !s.Pinned.IsZero() && s.Running != s.Pinned
}

func mainAhead(main evidence.Main) MainAhead {
	out := MainAhead{Behind: main.Behind, Take: main.Take, Unusable: main.Unusable}
	for _, c := range main.Commits {
		subject, _, _ := strings.Cut(c.Message, "\n")
		out.Commits = append(out.Commits, MainCommit{c.Hash, c.Author, c.When, subject})
	}
	for _, c := range main.Conflicts {
		out.Conflicts = append(out.Conflicts, MainConflicting(c))
	}
	return out
}

// Empty says that there is nothing to be brought over. What only the copy of the secrets has stays where it is.
func (r Resync) Empty() bool {
	n := len(r.Services) + r.Main.Behind + len(r.Main.Conflicts) + len(r.Secrets) + len(r.Roles) + len(r.Pipelines) + len(r.Files)
	return n == 0
}
