package repo_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/estate"
	"cutover/reconciler/failure"
)

// parted makes a repository whose branches main and migration/eks both begin at a commit that setup made, and lets each
// side work. It returns their heads.
func parted(t *testing.T, s *server, setup, ours, theirs func(*developer)) (dev *developer, base, branch, main string) {
	t.Helper()
	dev = s.create(t, "values")
	setup(dev)
	base = dev.push("main")
	// With other messages, so that the same work on both sides is not the same commit.
	push := func(branch string) string {
		dev.git("add", "-A")
		dev.git("commit", "-q", "--allow-empty", "-m", "work on "+branch)
		dev.git("push", "-q", "origin", "HEAD:refs/heads/"+branch)
		return dev.git("rev-parse", "HEAD")
	}
	ours(dev)
	branch = push("migration/eks")
	dev.git("reset", "-q", "--hard", base)
	dev.git("clean", "-fdq")
	theirs(dev)
	return dev, base, branch, push("main")
}

func nothing(*developer) {}

func files(names ...string) func(*developer) {
	return func(d *developer) {
		for _, name := range names {
			path, content, _ := strings.Cut(name, "=")
			d.write(path, content)
		}
	}
}

func removed(names ...string) func(*developer) {
	return func(d *developer) { d.git(append([]string{"rm", "-q", "-r"}, names...)...) }
}

func both(fs ...func(*developer)) func(*developer) {
	return func(d *developer) {
		for _, f := range fs {
			f(d)
		}
	}
}

func TestDivergence(t *testing.T) {
	setup := both(files("a=1", "b=1", "dir/c=1", "dir/d=1", "tool=1"), func(d *developer) { d.symlink("a", "link") })
	for _, test := range []struct {
		name            string
		ours, theirs    func(*developer)
		take, conflicts []string
	}{
		{"nothing happened", nothing, nothing, nil, nil},
		{"only ours changed", files("a=2", "new=1"), nothing, nil, nil},
		{"only theirs changed", nothing, files("a=2", "dir/c=2", "new/e=1"), []string{"a", "dir/c", "new/e"}, nil},
		{"other paths of one directory", files("dir/c=2"), files("dir/d=2"), []string{"dir/d"}, nil},
		{"both changed to the same", files("a=2", "new=1"), files("a=2", "new=1"), nil, nil},
		{"both changed to different contents", files("a=2", "b=2"), files("a=3"), nil, []string{"a"}},
		{"both added with different contents", files("new/e=1"), files("new/e=2"), nil, []string{"new/e"}},
		{"ours removed what theirs changed", removed("a"), files("a=2", "b=2"), []string{"b"}, []string{"a"}},
		{"theirs removed what ours changed", files("a=2"), removed("a"), nil, []string{"a"}},
		{"ours removed", removed("a"), nothing, nil, nil},
		{"theirs removed", nothing, removed("a", "dir"), []string{"a", "dir/c", "dir/d"}, nil},
		{"both removed", removed("dir"), removed("dir"), nil, nil},
		{"theirs made it executable", nothing, func(d *developer) { d.executable("tool") }, []string{"tool"}, nil},
		{"one changed the mode and the other the content", files("tool=2"), func(d *developer) { d.executable("tool") }, nil, []string{"tool"}},
		{"theirs points a link elsewhere", nothing, func(d *developer) { d.git("rm", "-q", "link"); d.symlink("b", "link") }, []string{"link"}, nil},
		{"theirs put a directory in the place of a file", nothing, both(removed("a"), files("a/x=1")), []string{"a", "a/x"}, nil},
		{"theirs put a file in the place of a directory", nothing, both(removed("dir"), files("dir=1")), []string{"dir", "dir/c", "dir/d"}, nil},
		{"a directory for a file that ours changed", files("a=2"), both(removed("a"), files("a/x=1")), nil, []string{"a"}},
		{"ours added below a directory that theirs made a file", files("dir/new=1"), both(removed("dir"), files("dir=1")), nil, []string{"dir"}},
		{"ours a file, theirs a directory", files("new=1"), files("new/x=1", "new/y=1"), nil, []string{"new"}},
		{"both a directory for a file", both(removed("a"), files("a/x=2")), both(removed("a"), files("a/y=3")), []string{"a/y"}, nil},
		{"theirs took a name that sorts between", files("dir/c=2"), files("dir.yaml=1", "dir-2/x=1"), []string{"dir-2/x", "dir.yaml"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			dev, base, branch, main := parted(t, s, setup, test.ours, test.theirs)
			r := open(t, s.config(t, "values"))
			d, err := r.Divergence(t.Context(), branch, main)
			if err != nil {
				t.Fatal(err)
			}
			want := estate.Divergence{Base: base, Behind: 1, Take: test.take, Conflicts: test.conflicts}
			if diff := cmp.Diff(want, d); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			got, err := r.Merge(t.Context(), estate.Change{Branch: "migration/eks", Parent: branch, Message: "merge main"}, main)
			if test.conflicts != nil {
				if !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), strings.Join(test.conflicts, ", ")) {
					t.Errorf("Merge: got %v, want a refusal with the paths", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			dev.git("fetch", "-q", "origin")
			if parents := dev.git("log", "-1", "--format=%P", "origin/migration/eks"); parents != branch+" "+main {
				t.Errorf("parents are %s, want %s %s", parents, branch, main)
			}
			if diff := dev.git("diff", "--stat", got, gitMerge(dev, branch, main)); diff != "" {
				t.Errorf("git merges otherwise:\n%s", diff)
			}
			dev.git("fsck", "--strict", "--no-dangling")
		})
	}
}

// gitMerge is the tree that git makes of a merge without conflicts. Git looks for renames, so the tests' files differ.
func gitMerge(dev *developer, ours, theirs string) string {
	dev.t.Helper()
	return dev.git("merge-tree", "--write-tree", ours, theirs)
}

func TestMerge(t *testing.T) {
	s := newServer(t)
	dev, base, branch, main := parted(t, s, files("prod=1", "other=1", "gone=1"), files("prod2=1", "mine=1"), both(files("prod=2"), removed("gone")))
	r := open(t, s.config(t, "values"))
	change := estate.Change{
		Branch: "migration/eks", Parent: branch, Message: "merge main", Remove: []string{"other"},
		Write: []estate.File{{Path: "prod2", Data: []byte("2")}, {Path: "new/x", Data: []byte("1")}},
	}
	merged, err := r.Merge(t.Context(), change, main)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, r, merged, "prod") + read(t, r, merged, "prod2") + read(t, r, merged, "mine") + read(t, r, merged, "new/x"); got != "2211" {
		t.Errorf("the files are %s", got)
	}
	dev.git("fetch", "-q", "origin")
	if left := dev.git("ls-tree", "-r", "--name-only", "origin/migration/eks"); left != "mine\nnew/x\nprod\nprod2" {
		t.Errorf("the files are %q", left)
	}
	u := fetch(t, r)
	if u.Heads["migration/eks"] != merged {
		t.Errorf("heads are %v", u.Heads)
	}
	d, err := r.Divergence(t.Context(), merged, main)
	if diff := cmp.Diff(estate.Divergence{Base: main}, d); diff != "" || err != nil {
		t.Errorf("after the merge: %v\n%s", err, diff)
	}
	if d, err := r.Divergence(t.Context(), main, merged); err != nil || d.Behind != 2 || d.Base != main {
		t.Errorf("the other way round: %+v, %v", d, err)
	}

	s.fail(always(500, "must not be asked"))
	again := estate.Change{Branch: "migration/eks", Parent: merged, Message: "merge main"}
	if got, err := r.Merge(t.Context(), again, main); err != nil || got != merged {
		t.Errorf("merged already: got %s, %v, want the parent", got, err)
	}
	if got, err := r.Merge(t.Context(), again, base); err != nil || got != merged {
		t.Errorf("an old commit: got %s, %v, want the parent", got, err)
	}
	s.heal()
	again.Write = []estate.File{{Path: "prod2", Data: []byte("3")}}
	plain, err := r.Merge(t.Context(), again, main)
	if err != nil {
		t.Fatal(err)
	}
	dev.git("fetch", "-q", "origin")
	if parents := dev.git("log", "-1", "--format=%P", plain); parents != merged {
		t.Errorf("merged already, with something to write: parents are %s, want %s", parents, merged)
	}
	change.Message = "another"
	if _, err := r.Merge(t.Context(), change, main); !errors.Is(err, failure.ErrConflict) {
		t.Errorf("a branch that moved: got %v, want a conflict", err)
	}
}

// A merge makes a commit of its own also where git would move the branch, and where both sides have the same files.
func TestMergeKeepsTheFirstParentLine(t *testing.T) {
	for name, theirs := range map[string]func(*developer){"ahead": files("a=2"), "the same files": files("b=1")} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			ours := nothing
			if name != "ahead" {
				ours = files("b=1")
			}
			dev, base, branch, main := parted(t, s, files("a=1"), ours, theirs)
			if name == "ahead" {
				branch = base
				dev.git("push", "-q", "-f", "origin", base+":refs/heads/migration/eks")
			}
			r := open(t, s.config(t, "values"))
			fetch(t, r)
			got, err := r.Merge(t.Context(), estate.Change{Branch: "migration/eks", Parent: branch, Message: "merge"}, main)
			if err != nil {
				t.Fatal(err)
			}
			dev.git("fetch", "-q", "origin")
			if parents := dev.git("log", "-1", "--format=%P", got); parents != branch+" "+main {
				t.Errorf("parents are %s, want %s %s", parents, branch, main)
			}
			if diff := dev.git("diff", "--stat", got, main); diff != "" {
				t.Errorf("the files differ:\n%s", diff)
			}
		})
	}
}

func TestMergeLostAnswer(t *testing.T) {
	s := newServer(t)
	dev, _, branch, main := parted(t, s, files("a=1"), files("b=1"), files("a=2"))
	r := open(t, s.config(t, "values"))
	change := estate.Change{Branch: "migration/eks", Parent: branch, Message: "merge main"}
	s.fail(cutAfter("git-receive-pack", 0))
	change.Message = "another"
	if _, err := r.Merge(t.Context(), change, main); !errors.Is(err, failure.ErrTransient) {
		t.Fatalf("got %v, want a temporary failure", err)
	}
	s.heal()
	dev.git("fetch", "-q", "origin")
	landed := dev.git("rev-parse", "origin/migration/eks")
	if got, err := r.Merge(t.Context(), change, main); err != nil || got != landed || landed == branch {
		t.Errorf("the same merge again: got %s, %v, want %s", got, err, landed)
	}
}

func TestMergeRefuses(t *testing.T) {
	s := newServer(t)
	dev, _, branch, main := parted(t, s, files("a=1"), nothing, func(d *developer) {
		for i := range 25 {
			d.write(fmt.Sprintf("f%02d", i), "1")
		}
	})
	r := open(t, s.config(t, "values"))
	merge := func(c estate.Change, theirs string) error {
		t.Helper()
		_, err := r.Merge(t.Context(), c, theirs)
		return err
	}
	c := estate.Change{Branch: "migration/eks", Parent: branch, Message: "merge"}
	bad := c
	bad.Branch = "a..b"
	if err := merge(bad, main); !errors.Is(err, failure.ErrRefused) {
		t.Errorf("a bad branch: %v", err)
	}
	bad = c
	bad.Write = []estate.File{{Path: "f00/below"}}
	if err := merge(bad, main); !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), "f00 is a file") {
		t.Errorf("a file below one that is taken: %v", err)
	}
	if err := merge(c, strings.Repeat("b", 40)); !errors.Is(err, failure.ErrNotFound) {
		t.Errorf("an unknown commit: %v", err)
	}
	dev.git("checkout", "-q", "--orphan", "other")
	alien := dev.push("alien")
	for i := range 25 {
		dev.write(fmt.Sprintf("f%02d", i), "2")
	}
	dev.git("checkout", "-q", "-f", "-B", "ours", branch)
	for i := range 25 {
		dev.write(fmt.Sprintf("f%02d", i), "2")
	}
	many := dev.push("migration/eks")
	fetch(t, r)
	if err := merge(c, alien); !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), "no history in common") {
		t.Errorf("no history in common: %v", err)
	}
	c.Parent = many
	if err := merge(c, main); !errors.Is(err, failure.ErrRefused) || !strings.Contains(err.Error(), "f19 and 5 more") {
		t.Errorf("many conflicts: %v", err)
	}
}

// Each side has merged the other, so there are two places where they parted.
func TestDivergenceCrissCross(t *testing.T) {
	s := newServer(t)
	dev := s.create(t, "values")
	files("a=1", "b=1", "c=1")(dev)
	root := dev.push("main")
	files("a=2")(dev)
	left := dev.push("left")
	dev.git("reset", "-q", "--hard", root)
	files("b=2")(dev)
	right := dev.push("right")
	dev.git("merge", "-q", "-m", "x", left)
	files("c=2")(dev)
	ours := dev.push("ours")
	dev.git("reset", "-q", "--hard", left)
	dev.git("merge", "-q", "-m", "y", right)
	files("d=1")(dev)
	theirs := dev.push("theirs")
	r := open(t, s.config(t, "values"))
	d, err := r.Divergence(t.Context(), ours, theirs)
	if err != nil {
		t.Fatal(err)
	}
	if d.Base != left && d.Base != right {
		t.Errorf("they parted at %s, want %s or %s", d.Base, left, right)
	}
	if diff := cmp.Diff([]string{"d"}, d.Take); diff != "" || d.Conflicts != nil {
		t.Errorf("Divergence = %+v", d)
	}
	got, err := r.Merge(t.Context(), estate.Change{Branch: "ours", Parent: ours, Message: "merge"}, theirs)
	if err != nil {
		t.Fatal(err)
	}
	dev.git("fetch", "-q", "origin")
	if diff := dev.git("diff", "--stat", got, gitMerge(dev, ours, theirs)); diff != "" {
		t.Errorf("git merges otherwise:\n%s", diff)
	}

	// Seen from one place only theirs changed it, seen from the other both did.
	dev.git("checkout", "-q", "-f", "-B", "x", ours)
	files("a=1")(dev)
	ours = dev.push("ours2")
	fetch(t, r)
	d, err = r.Divergence(t.Context(), ours, theirs)
	if diff := cmp.Diff([]string{"a"}, d.Conflicts); diff != "" || err != nil {
		t.Errorf("Divergence = %+v, %v", d, err)
	}
}
