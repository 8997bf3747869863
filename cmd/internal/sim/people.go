package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"cutover/gitops/estate"
	"cutover/gitops/values"
	"cutover/reconciler/object"
	"cutover/reconciler/phase"
	"cutover/reconciler/world"
)

// people are everybody but the daemon.
type people struct {
	*run
	busyAt   time.Time         // when somebody does something
	breaksAt time.Time         // when something breaks
	due      map[int]time.Time // when each pull request gets looked at
	approved map[string]bool   // what was approved where
	wanted   map[int]time.Time // when developers try to merge their pull requests
	versions int
	broken   []func() // what mends what is broken now
	root     string   // the branch's first commit
}

func newPeople(s *run) people {
	p := people{run: s, root: s.w.Head(s.m.Branch), due: map[int]time.Time{}, approved: map[string]bool{}, wanted: map[int]time.Time{}}
	p.busyAt, p.breaksAt = p.after(s.plan.Busy), p.after(s.plan.Trouble)
	return p
}

// after is when something happens next that happens so many times in an hour; zero if it never does.
func (p *people) after(rate float64) time.Time {
	if rate == 0 {
		return time.Time{}
	}
	return p.w.Now().Add(time.Duration(p.rng.ExpFloat64() / rate * float64(time.Hour)))
}

// next is when somebody does something, or something breaks; zero if nobody will.
func (p *people) next() time.Time {
	next := time.Time{}
	if !p.calm {
		next = phase.Earlier(p.busyAt, p.breaksAt)
	}
	for _, r := range p.w.Proposed(p.m.Branch) {
		next = phase.Earlier(next, p.due[r.Number])
	}
	return next
}

// act lets people do what they do in the time since they last acted.
func (p *people) act(ctx context.Context) {
	now := p.w.Now()
	if !p.calm && !p.busyAt.IsZero() && !now.Before(p.busyAt) {
		if p.rng.IntN(6) == 0 {
			p.chore()
		} else {
			p.busy()
		}
		p.busyAt = p.after(p.plan.Busy)
	}
	if !p.calm && !p.breaksAt.IsZero() && !now.Before(p.breaksAt) {
		if p.rng.IntN(4) == 0 {
			p.mishap()
		} else {
			p.trouble()
		}
		p.breaksAt = p.after(p.plan.Trouble)
	}
	p.review(ctx)
	p.insist()
}

// busy is one thing that people do on their own.
func (p *people) busy() {
	services := []string{"profile", "media", "api", "match", "reminder"}
	service := services[p.rng.IntN(len(services))]
	at := p.marker()
	switch p.rng.IntN(19) {
	case 0, 1, 2: // a developer deploys
		p.versions++
		_ = p.w.Deploy("dana", service, fmt.Sprintf("1.%d.0", p.versions))
	case 3, 4, 5: // a developer changes values
		p.edit(service, p.rng.IntN(3) == 0)
	case 6: // somebody changes a secret
		p.versions++
		_ = p.w.SetSecret("dana", p.secretOf(service), []string{"PASSWORD", "NEW"}[p.rng.IntN(2)], fmt.Sprint("s", p.versions))
	case 7: // a rollback
		points := phase.Checkpoints(&p.m)
		i := slices.Index(points, estate.Marker{Phase: at.Phase, Weight: at.Weight})
		if i > 0 {
			to := points[p.rng.IntN(i)]
			if p.rng.IntN(3) == 0 && at.Phase == estate.Canary {
				to = estate.Marker{Phase: estate.Canary}
			}
			p.move(to, "Go back")
		}
	case 8: // a pause, or its end
		if at.Phase != 0 {
			if at.Paused == "" {
				at.Paused = "lunch"
			} else {
				at.Paused = ""
			}
			p.move(at, "Pause or go on")
		}
	case 9: // a marker that skips
		points := phase.Checkpoints(&p.m)
		p.propose(points[p.rng.IntN(len(points))], "canary", "Skip something", true)
	case 10: // a marker that is pushed
		points := phase.Checkpoints(&p.m)
		to := points[p.rng.IntN(len(points))]
		if next, ok := phase.Following(&p.m, at); ok && p.rng.IntN(2) == 0 {
			to = next
		}
		_, _ = p.w.Push("dana", p.m.Branch, []estate.File{{Path: p.m.MarkerPath(), Data: values.MarkerFile(to)}}, nil, "Hurry\n\nCutover-Phase: "+to.Phase.String())
	case 11: // a marker in another pull request, or on main
		p.mix()
	case 12: // break-glass
		p.breakGlass(service)
	case 13: // somebody enables a frozen pipeline
		_ = p.w.Tamper("dana", service)
	case 14: // a revert of what the branch's head brought
		p.revert()
	case 15: // a forced push takes the newest commit off the branch
		if parent := p.w.Parent(p.w.Head(p.m.Branch)); parent != "" && parent != p.root {
			p.w.Branch(p.m.Branch, parent)
		}
	case 16: // a branch cannot be used for a while
		p.spoil([]string{world.Main, p.m.Branch}[p.rng.IntN(2)], service)
	case 17: // a developer deploys a fix, by break-glass if somebody approves of it
		p.breakGlass(service)
		p.versions++
		_ = p.w.Deploy("dana", service, fmt.Sprintf("1.%d.0", p.versions))
	case 18: // somebody tries out another value in the new cluster
		p.versions++
		_ = p.w.SetCopy("dana", p.secretOf(service), "PASSWORD", fmt.Sprint("c", p.versions))
		_ = p.w.SetSecret("dana", p.secretOf(service), fmt.Sprint("NEW", p.versions), fmt.Sprint("s", p.versions))
	}
}

// breakGlass lets a service through the freeze, by a pull request that was approved of, or without one.
func (p *people) breakGlass(service string) {
	p.versions++
	file := world.BreakGlass(p.m, service, "dana", "it burns", p.w.Now().Add(30*time.Minute))
	message := "Break the glass for " + service
	if p.rng.IntN(3) == 0 {
		_, _ = p.w.Push("dana", p.m.Branch, []estate.File{file}, nil, message)
		return
	}
	branch := fmt.Sprintf("dana/%d", p.versions)
	p.w.Branch(branch, p.w.Head(p.m.Branch))
	if _, err := p.w.Push("dana", branch, []estate.File{file}, nil, message); err != nil {
		return
	}
	if number, err := p.w.Open("dana", branch, p.m.Branch, message); err == nil {
		_ = p.w.Approve("ravi", number, "go")
		_ = p.w.Merge("rita", number, p.method())
	}
}

// revert takes back by a pull request what the newest marker changed, as the button of the git host does.
func (p *people) revert() {
	history := p.w.Another().Ports().Repository
	head := p.w.Head(p.m.Branch)
	c, ok, err := history.LastChange(head, p.m.MarkerPath())
	if err != nil || !ok || len(c.Parents) == 0 {
		return
	}
	before, err := fs.ReadFile(p.tree(c.Parents[0]), p.m.MarkerPath())
	var write []estate.File
	var remove []string
	if err == nil {
		write = []estate.File{{Path: p.m.MarkerPath(), Data: before}}
	} else {
		remove = []string{p.m.MarkerPath()}
	}
	title, _, _ := strings.Cut(c.Message, "\n")
	title = "Revert \"" + title + "\""
	p.versions++
	branch := fmt.Sprintf("people/%d", p.versions)
	p.w.Branch(branch, head)
	if _, err := p.w.Push("rita", branch, write, remove, title+"\n\nThis reverts commit "+c.Hash+".\n"); err != nil {
		return
	}
	if number, err := p.w.Open("rita", branch, p.m.Branch, title); err == nil {
		_ = p.w.Merge("rita", number, p.method())
	}
}

func (p *people) tree(commit string) fs.FS {
	t, err := p.w.Another().Ports().Repository.Tree(commit)
	if err != nil {
		panic(err) // it was there a moment ago
	}
	return t
}

// spoil pushes a service.yaml that cannot be read to a branch; somebody mends it later.
func (p *people) spoil(branch, service string) {
	path := fmt.Sprintf("deploy-values/orbit/%s/%s/service.yaml", namespaceOf(service), service)
	good := p.w.File(branch, path)
	if len(good) == 0 || bytes.Contains(good, []byte("}}")) {
		return // it is not there yet, or spoilt
	}
	bad := append(slices.Clone(good), "}}\n"...)
	_, _ = p.w.Push("dana", branch, []estate.File{{Path: path, Data: bad}}, nil, "Tidy up "+service)
	p.broken = append(p.broken, func() {
		_, _ = p.w.Push("dana", branch, []estate.File{{Path: path, Data: good}}, nil, "Put right "+service)
	})
}

func (p *people) secretOf(service string) string {
	return namespaceOf(service) + "/" + service
}

func namespaceOf(service string) string {
	return map[string]string{"profile": "web", "media": "web", "api": "core", "match": "core", "reminder": "push"}[service]
}

// edit changes a service's values on main, directly or by a pull request.
func (p *people) edit(service string, direct bool) {
	p.versions++
	path := fmt.Sprintf("deploy-values/orbit/%s/%s/prod-values.yaml", namespaceOf(service), service)
	data := p.w.File(world.Main, path)
	data = append(slices.Clone(dropLine(data, "level:")), fmt.Sprintf("level: l%d\n", p.versions)...)
	write := []estate.File{{Path: path, Data: data}}
	if direct {
		_, _ = p.w.Push("dana", world.Main, write, nil, "Another level of "+service)
		return
	}
	branch := fmt.Sprintf("dana/%d", p.versions)
	if p.versions%7 == 0 { // with more files than the host lists
		for i := range world.MostPaths + 1 {
			write = append(write, estate.File{Path: fmt.Sprintf("dumps/%d.json", i), Data: []byte(fmt.Sprint(p.versions))})
		}
	}
	if _, err := p.w.Push("dana", branch, write, nil, "Another level of "+service); err != nil {
		return
	}
	if number, err := p.w.Open("dana", branch, world.Main, "Another level of "+service); err == nil {
		p.wanted[number] = p.w.Now().Add(time.Duration(p.rng.IntN(1800)) * time.Second)
	}
}

func dropLine(data []byte, prefix string) []byte {
	var out []byte
	for line := range bytes.Lines(data) {
		if !bytes.HasPrefix(line, []byte(prefix)) {
			out = append(out, line...)
		}
	}
	return out
}

// mix changes the marker together with something else, in one commit or in two.
func (p *people) mix() {
	p.versions++
	branch := fmt.Sprintf("people/%d", p.versions)
	points := phase.Checkpoints(&p.m)
	to := points[p.rng.IntN(len(points))]
	files := []estate.File{
		{Path: "README.md", Data: []byte(fmt.Sprint(p.versions))},
		{Path: p.m.MarkerPath(), Data: values.MarkerFile(to)},
	}
	p.w.Branch(branch, p.w.Head(p.m.Branch))
	commits := [][]estate.File{files}
	if p.versions%2 == 0 {
		commits = [][]estate.File{files[:1], files[1:]}
	}
	for _, files := range commits {
		if _, err := p.w.Push("dana", branch, files, nil, "Mix\n\nCutover-Phase: "+to.Phase.String()); err != nil {
			return
		}
	}
	if number, err := p.w.Open("dana", branch, p.m.Branch, "Mix"); err == nil {
		_ = p.w.Merge("dana", number, p.method())
	}
}

// trouble is one thing that breaks.
func (p *people) trouble() {
	proxies := p.m.Edge.Proxies
	proxy := proxies[p.rng.IntN(len(proxies))]
	services := []string{"profile", "media", "api", "match"}
	service := services[p.rng.IntN(len(services))]
	namespace, while := namespaceOf(service), time.Duration(10+p.rng.IntN(1200))*time.Second
	to, from := p.m.To.Cluster, p.m.From.Cluster
	deployment := object.Ref{Group: "apps", Kind: "Deployment", Namespace: namespace, Name: service}
	switch p.rng.IntN(19) {
	case 0:
		p.w.Reload(proxy)
	case 1:
		p.w.Down(proxy, while)
	case 2:
		_ = p.w.Kill(to, namespace, service)
	case 3:
		_ = p.w.Kill(from, "core", "api")
	case 4:
		_ = p.w.Edit("dana", to, deployment, "debug", "metadata", "labels", "mode")
	case 5:
		_ = p.w.Edit("dana", to, deployment, int64(5), "spec", "replicas")
	case 6:
		_ = p.w.Remove("dana", to, object.Ref{Kind: "Service", Namespace: "web", Name: "media"})
	case 7:
		p.w.EndSilences("dana")
	case 8:
		p.w.Distrust("dana", p.m.Trust.Roles[0])
	case 9, 10:
		p.w.AilFor(to, p.illness(), while)
	case 11, 12:
		p.w.Fail(to, namespace, service, while)
	case 13:
		systems := p.w.Systems()
		p.w.Away(systems[p.rng.IntN(len(systems))], while)
	case 14:
		p.w.FillDisk(while)
	case 15:
		p.w.Guard(proxy, while)
	case 16:
		p.w.Mislay(proxy, while)
	case 17: // what fails meets a proxy that takes no weight
		[]func(string, time.Duration){p.w.Guard, p.w.Mislay}[p.rng.IntN(2)](proxy, while)
		p.w.AilFor(to, p.illness(), while)
	case 18:
		p.w.KeepOut("dana", p.m.Trust.Roles[p.rng.IntN(len(p.m.Trust.Roles))], while)
	}
}

// illness is one way in which a cluster does not answer as it should.
func (p *people) illness() world.Illness {
	return []world.Illness{
		{Errors: 0.2}, {Silent: 0.3}, {Latency: 400 * time.Millisecond}, {Down: true},
	}[p.rng.IntN(4)]
}

// mend puts right what is still broken.
func (p *people) mend() {
	for _, mend := range p.broken {
		mend()
	}
	p.broken = nil
}
