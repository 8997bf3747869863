package repo_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover/gitops/estate"
	"cutover/gitops/repo"
)

// plot makes commits without a work tree, from random trees. Every content is another line, so that git finds no renames
// and cannot bring two changes of one file together: what it does is then what Merge should do.
type plot struct {
	dev    *developer
	random *rand.Rand
	fresh  int
}

// names are few, and some begin like others, so that files and directories get into each other's way.
var names = []string{"a", "a/b", "a/b/c", "a/b/d", "a/c", "a-b/c", "a.b", "b/c/d", "b/c/e", "b/d", "c", "d/e"}

// tree are files, by path: mode and content.
type tree map[string]string

func (p *plot) content() string {
	p.fresh++
	mode := "100644"
	if p.random.IntN(6) == 0 {
		mode = "100755"
	}
	return fmt.Sprintf("%s content %d", mode, p.fresh)
}

// write puts a file into a tree, and removes what is in its way.
func (t tree) write(path, content string) {
	for other := range t {
		if strings.HasPrefix(other, path+"/") || strings.HasPrefix(path, other+"/") {
			delete(t, other)
		}
	}
	t[path] = content
}

func (p *plot) grow() tree {
	t := make(tree)
	for range 2 + p.random.IntN(8) {
		t.write(names[p.random.IntN(len(names))], p.content())
	}
	return t
}

// edit changes a copy of a tree. Some edits come from a common list, so that both sides do the same.
func (p *plot) edit(t tree, shared []string) tree {
	out := make(tree)
	for path, content := range t {
		out[path] = content
	}
	for range p.random.IntN(4) {
		path := names[p.random.IntN(len(names))]
		switch p.random.IntN(4) {
		case 0:
			delete(out, path)
		case 1:
			out.write(path, shared[slices.Index(names, path)])
		default:
			out.write(path, p.content())
		}
	}
	return out
}

// skew is by how much the clocks of committers differ.
const skew = 20 * time.Hour

// commits makes commits by git fast-import, the parents as marks, and returns their hashes. The messages tell equal
// commits apart.
func (p *plot) commits(branch string, trees []tree, parents [][]int) []string {
	p.dev.t.Helper()
	var b strings.Builder
	for i, t := range trees {
		message := fmt.Sprintf("%s %d", branch, i)
		fmt.Fprintf(&b, "commit refs/heads/%s%d\nmark :%d\ncommitter Dev <dev@example.com> %d +0000\ndata %d\n%s\n", branch, i, i+1, 1700000000+1000*i+p.random.IntN(int(skew.Seconds())), len(message), message)
		for n, parent := range parents[i] {
			fmt.Fprintf(&b, "%s :%d\n", []string{"from", "merge"}[min(n, 1)], parent+1)
		}
		b.WriteString("deleteall\n")
		for path, content := range t {
			mode, text, _ := strings.Cut(content, " ")
			fmt.Fprintf(&b, "M %s inline %s\ndata %d\n%s\n\n", mode, path, len(text)+1, text)
		}
	}
	cmd := exec.Command("git", "fast-import", "--quiet", "--force")
	cmd.Dir, cmd.Stdin = p.dev.dir, strings.NewReader(b.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		p.dev.t.Fatalf("git fast-import: %v\n%s", err, out)
	}
	var hashes []string
	for i := range trees {
		hashes = append(hashes, p.dev.git("rev-parse", fmt.Sprintf("%s%d", branch, i)))
	}
	return hashes
}

// Random trees merge as git merges them, or are in conflict as git says.
func TestMergeAsGitDoes(t *testing.T) {
	const cases, pushed = 150, 15
	s := newServer(t)
	p := &plot{dev: s.create(t, "values"), random: rand.New(rand.NewPCG(3, 14))}
	var all [][]string
	for i := range cases {
		shared := make([]string, len(names))
		for n := range shared {
			shared[n] = p.content()
		}
		base := p.grow()
		all = append(all, p.commits(fmt.Sprintf("case%d.", i), []tree{base, p.edit(base, shared), p.edit(base, shared)}, [][]int{nil, {0}, {0}}))
	}
	p.dev.git("push", "-q", "origin", "--all")
	r := open(t, s.config(t, "values"))
	fetch(t, r)
	clean := 0
	for i, c := range all {
		tree, conflicts := mergeTree(p.dev, c[1], c[2])
		d, err := r.Divergence(t.Context(), c[1], c[2])
		if err != nil {
			t.Fatal(err)
		}
		if d.Base != c[0] || d.Behind != 1 || conflicts != (d.Conflicts != nil) {
			t.Errorf("case %d: Divergence = %+v, want base %s, and git says conflict %t", i, d, c[0], conflicts)
		}
		if conflicts {
			continue
		}
		if taken := strings.Fields(p.dev.git("diff", "--name-only", "--no-renames", c[1], tree)); !slices.Equal(taken, d.Take) {
			t.Errorf("case %d: git takes %v, and Divergence says %v", i, taken, d.Take)
		}
		if clean++; clean <= pushed {
			got, err := r.Merge(t.Context(), estate.Change{Branch: fmt.Sprintf("case%d.1", i), Parent: c[1], Message: "merge"}, c[2])
			if err != nil {
				t.Fatalf("case %d: %v", i, err)
			}
			p.dev.git("fetch", "-q", "origin", got)
			if made := p.dev.git("rev-parse", got+"^{tree}"); made != tree {
				t.Errorf("case %d: the trees differ:\n%s", i, p.dev.git("diff", "--stat", tree, made))
			}
		}
	}
	if clean < cases/4 || clean > cases*19/20 {
		t.Errorf("%d of %d merges are clean: the cases are one-sided", clean, cases)
	}
	p.dev.git("fsck", "--strict", "--no-dangling")
}

// mergeTree asks git for a merge.
func mergeTree(dev *developer, ours, theirs string) (tree string, conflicts bool) {
	dev.t.Helper()
	cmd := exec.Command("git", "merge-tree", "--write-tree", ours, theirs)
	cmd.Dir = dev.dir
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return "", true
	}
	if err != nil {
		dev.t.Fatalf("git merge-tree: %v", err)
	}
	return strings.TrimSpace(string(out)), false
}

// Random histories, with merges and with clocks that disagree by hours: where two commits parted, how far one is behind,
// and what one has alone are as the parents say. (Git's own rev-list trusts clocks more.)
func TestHistories(t *testing.T) {
	const histories, length = 4, 25
	s := newServer(t)
	p := &plot{dev: s.create(t, "values"), random: rand.New(rand.NewPCG(2, 71))}
	var all []history
	for i := range histories {
		var trees []tree
		h := history{place: make(map[string]int)}
		for n := range length {
			trees = append(trees, tree{"file": fmt.Sprintf("100644 %d %d", i, n/2)})
			var of []int
			if n > 0 {
				of = append(of, max(0, n-1-p.random.IntN(4)))
				if other := max(0, n-1-p.random.IntN(6)); p.random.IntN(2) == 0 && other != of[0] {
					of = append(of, other)
				}
			}
			h.parents = append(h.parents, of)
		}
		h.commits = p.commits(fmt.Sprintf("history%d.", i), trees, h.parents)
		for n, hash := range h.commits {
			h.place[hash] = n
		}
		all = append(all, h)
	}
	p.dev.git("push", "-q", "origin", "--all")
	r := open(t, s.config(t, "values"))
	fetch(t, r)
	criss := 0
	for _, h := range all {
		for ours := range h.commits {
			for theirs := range h.commits {
				if len(h.bases(ours, theirs)) > 1 {
					criss++
				}
				h.check(t, r, ours, theirs)
			}
		}
		head := h.commits[length-1]
		changes, err := r.Changes(head, "file", 0)
		if err != nil {
			t.Fatal(err)
		}
		// -m --first-parent compares a merge with its first parent.
		want := strings.Fields(p.dev.git("log", "--first-parent", "-m", "--format=%H", head, "--", "file"))
		if got := hashes(changes); !slices.Equal(got, want) {
			t.Errorf("changes are %v, git says %v", got, want)
		}
		if few, err := r.Changes(head, "file", 2); err != nil || !slices.Equal(hashes(few), want[:min(2, len(want))]) {
			t.Errorf("the newest two changes are %v, %v", hashes(few), err)
		}
	}
	if criss == 0 {
		t.Error("no history has two places where two commits parted")
	}
}

// history is commits by number, each after its parents.
type history struct {
	commits []string
	parents [][]int
	place   map[string]int
}

// reachable are the commits that one is made of.
func (h history) reachable(from int) map[int]bool {
	seen := map[int]bool{from: true}
	for n := from; n >= 0; n-- {
		if seen[n] {
			for _, parent := range h.parents[n] {
				seen[parent] = true
			}
		}
	}
	return seen
}

// bases are the common commits that no other common one is made of.
func (h history) bases(a, b int) map[int]bool {
	both := h.reachable(b)
	for n := range both {
		if !h.reachable(a)[n] {
			delete(both, n)
		}
	}
	for n := range both {
		for other := range h.reachable(n) {
			if other != n {
				delete(both, other)
			}
		}
	}
	return both
}

func (h history) check(t *testing.T, r *repo.Repository, ours, theirs int) {
	t.Helper()
	d, err := r.Divergence(t.Context(), h.commits[ours], h.commits[theirs])
	if err != nil {
		t.Fatal(err)
	}
	if !h.bases(ours, theirs)[h.place[d.Base]] {
		t.Errorf("%d and %d parted at %d, want one of %v", ours, theirs, h.place[d.Base], h.bases(ours, theirs))
	}
	have := h.reachable(ours)
	behind := 0
	for n := theirs; !have[n]; n = h.parents[n][0] {
		behind++
	}
	if d.Behind != behind {
		t.Errorf("%d is %d behind %d, want %d", ours, d.Behind, theirs, behind)
	}
	commits, err := r.Between(h.commits[ours], h.commits[theirs])
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(commits, func(a, b estate.Commit) int { return b.When.Compare(a.When) }) {
		t.Error("the commits are not sorted newest first")
	}
	var got, want []int
	for _, c := range commits {
		got = append(got, h.place[c.Hash])
	}
	for n := range h.reachable(theirs) {
		if !have[n] {
			want = append(want, n)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d has %v that %d has not, want %v", theirs, got, ours, want)
	}
}

func hashes(commits []estate.Commit) []string {
	var out []string
	for _, c := range commits {
		out = append(out, c.Hash)
	}
	return out
}
