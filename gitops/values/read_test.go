package values

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/estate"
)

// TestExample reads the example estate; its golden file shows every noun that comes of it.
func TestExample(t *testing.T) {
	e, problems := Read(os.DirFS("testdata/example-values"))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/example.golden.json", e)
}

// TestGenerated reads the example estate on the migration's branch, after the first pass of the generator.
func TestGenerated(t *testing.T) {
	fsys := example(t)
	for path, data := range map[string]string{
		"migrations/eks/stacks.yaml":   "stack: prod2\nservices:\n  core/api: {pipelines: [deploy, deploy-canary], parameters: {slackChannel: \"#api\"}}\n  core/gone: {pipelines: [deploy]}\n  push/reminder: {pipelines: [deploy]}\n",
		"migrations/eks/versions.yaml": "core/api: \"1.4.2\"\ncore/gone: \"2\"\n",
		"migrations/eks/phase.yaml":    "phase: canary\nweight: 25\n",

		"deploy-values/orbit/core/api/prod2-values.yaml": "replicas: 12\n",
	} {
		fsys[path] = &fstest.MapFile{Data: []byte(data)}
	}
	e, problems := Read(fsys)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/generated.golden.json", e)
}

func golden(t *testing.T, path string, e *estate.Estate) {
	t.Helper()
	for i, c := range e.Charts {
		if c.From.Kind == estate.FromBuiltin && len(c.Files) == 0 {
			t.Errorf("chart %s has no files", c.Name)
		}
		e.Charts[i].Files = nil // the golden file is not about their text
	}
	for i, tmpl := range e.Templates {
		if tmpl.Text == "" {
			t.Errorf("template %s has no text", tmpl.Name)
		}
		e.Templates[i].Text = ""
	}
	got, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// blobs is a file system that tells the content's id of each file, as a git tree does, and what was opened.
type blobs struct {
	fstest.MapFS
	opened []string
}

func (b *blobs) Open(name string) (fs.File, error) {
	if _, isFile := b.MapFS[name]; isFile {
		b.opened = append(b.opened, name)
	}
	return b.MapFS.Open(name)
}

func (b *blobs) ReadDir(name string) ([]fs.DirEntry, error) { return b.MapFS.ReadDir(name) }

func (b *blobs) set(path, data string) {
	b.MapFS[path] = &fstest.MapFile{Data: []byte(data), Sys: fmt.Sprintf("git:%x", data)}
}

func TestReaderReadsOnlyWhatChanged(t *testing.T) {
	fsys := &blobs{MapFS: fstest.MapFS{}}
	for path, file := range example(t) {
		fsys.set(path, string(file.Data))
	}
	var r Reader
	first, problems := r.Read(fsys)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	fsys.opened = nil
	again, _ := r.Read(fsys)
	if len(fsys.opened) > 0 {
		t.Errorf("opened %q though nothing changed", fsys.opened)
	}
	if diff := cmp.Diff(names(first), names(again)); diff != "" {
		t.Errorf("the second reading differs:\n%s", diff)
	}

	const changed = "deploy-values/orbit/core/api/values.yaml"
	fsys.set(changed, "image: other\n")
	fsys.opened = nil
	after, _ := r.Read(fsys)
	if !slices.Equal(fsys.opened, []string{changed}) {
		t.Errorf("opened %q, want only %s", fsys.opened, changed)
	}
	if got := after.Services[0].Shared.Values["image"]; got != "other" {
		t.Errorf("image is %v after the change", got)
	}
	if got := first.Services[0].Shared.Values["image"]; got == "other" {
		t.Error("the first estate changed too")
	}
}

func names(e *estate.Estate) []string {
	var out []string
	for _, s := range e.Services {
		out = append(out, s.String())
	}
	return out
}

// TestReaderSameContent checks that one content at two places keeps the places' own names.
func TestReaderSameContent(t *testing.T) {
	fsys := example(t)
	for _, path := range []string{"deploy-values/orbit/core/api/values.yaml", "deploy-values/orbit/core/match/values.yaml"} {
		fsys[path] = &fstest.MapFile{Data: []byte("a: 1\na: 2\n")}
	}
	_, problems := Read(fsys)
	want := "deploy-values/orbit/core/api/values.yaml:2: key \"a\" is on line 1 already\n" +
		"deploy-values/orbit/core/match/values.yaml:2: key \"a\" is on line 1 already"
	if err := problems.Err(); err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestReaderForgets(t *testing.T) {
	fsys := example(t)
	var r Reader
	for i := range 10 * keptPasses {
		fsys["deploy-values/orbit/core/api/values.yaml"] = &fstest.MapFile{Data: fmt.Appendf(nil, "image: v%d\n", i)}
		r.Read(fsys)
	}
	if n, limit := len(r.cache), len(fsys)+keptPasses; n > limit {
		t.Errorf("%d documents are kept, want at most %d", n, limit)
	}
}

// TestLimits checks inputs that are too large to stand in testdata.
func TestLimits(t *testing.T) {
	const api = "deploy-values/orbit/core/api/values.yaml"
	tests := map[string]struct {
		data string
		want string
	}{
		"large":          {"a: " + strings.Repeat("x", maxFile), api + ":1: file is larger than 1 MiB"},
		"no UTF-8":       {"a: 1\nb: \xff\n", api + ":2: is not UTF-8: save the file in that encoding"},
		"UTF-16":         {"\xff\xfea\x00:\x00", api + ":1: is not UTF-8: save the file in that encoding"},
		"control":        {"a: 1\nb: \x00\n", api + `:2: holds the control character '\x00': remove it`},
		"many values":    {"a: [" + strings.Repeat("1,", maxNodes) + "]", api + ":1: holds more than 100000 values, aliases expanded"},
		"deep":           {strings.Repeat("[", 50_000), api + ":1: syntax: exceeded max depth of 10000"},
		"just not deep":  {"a: " + strings.Repeat("[", maxDepth-1) + strings.Repeat("]", maxDepth-1), ""},
		"just not large": {"a: " + strings.Repeat("x", maxFile-3), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			fsys := example(t)
			fsys[api] = &fstest.MapFile{Data: []byte(test.data)}
			_, problems := Read(fsys)
			var got string
			if err := problems.Err(); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestTooManyProblems(t *testing.T) {
	fsys := example(t)
	fsys["migrations/eks/versions.yaml"] = &fstest.MapFile{Data: []byte(strings.Join(manyKeys(40_000), ": 1\n") + ": 1\n")}
	_, problems := Read(fsys)
	if len(problems) != maxProblems {
		t.Errorf("got %d problems, want %d", len(problems), maxProblems)
	}
}

func manyKeys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("core/service-%d", i)
	}
	return keys
}

func TestTooMuchToRead(t *testing.T) {
	fsys := example(t)
	fsys["cutover.yaml"].Data = []byte(strings.Replace(string(fsys["cutover.yaml"].Data), `"builtin:routing"`, "charts/routing", 1))
	fsys["charts/routing/Chart.yaml"] = &fstest.MapFile{Data: []byte("name: routing\n")}
	for i := range maxTotal / maxFile {
		fsys[fmt.Sprintf("charts/routing/files/%d", i)] = &fstest.MapFile{Data: make([]byte, maxFile)}
	}
	_, problems := Read(fsys)
	if err := problems.Err(); err == nil || !strings.Contains(err.Error(), errTooMuch.Error()) {
		t.Errorf("got %v, want %v", err, errTooMuch)
	}
}

// TestLinkBomb has a chart whose directories link to each other, two ways each, thirty levels deep.
func TestLinkBomb(t *testing.T) {
	fsys := example(t)
	fsys["cutover.yaml"].Data = []byte(strings.Replace(string(fsys["cutover.yaml"].Data), `"builtin:routing"`, "charts/d0", 1))
	for i := range 30 {
		for _, name := range []string{"a", "b"} {
			fsys[fmt.Sprintf("charts/d%d/%s", i, name)] = &fstest.MapFile{Data: fmt.Appendf(nil, "../d%d", i+1), Mode: fs.ModeSymlink}
		}
	}
	fsys["charts/d30/Chart.yaml"] = &fstest.MapFile{Data: []byte("name: d\n")}
	_, problems := Read(fsys)
	if err := problems.Err(); err == nil || !strings.Contains(err.Error(), errTooMuch.Error()) {
		t.Errorf("got %v, want %v", err, errTooMuch)
	}
}

// TestDirectoryLinks checks a directory on disk, where the operating system would follow every link.
func TestDirectoryLinks(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret.yaml"), []byte("password: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS("testdata/example-values")); err != nil {
		t.Fatal(err)
	}
	api := filepath.Join(root, "deploy-values/orbit/core/api")
	for link, target := range map[string]string{
		filepath.Join(api, "dev-values.yaml"):           filepath.Join(outside, "secret.yaml"),
		filepath.Join(root, "deploy-values/orbit/away"): outside,
	} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	e, problems := Read(os.DirFS(root))
	if len(problems) != 2 || !strings.Contains(problems[0].Message, "outside the repository") || !strings.Contains(problems[1].Message, "outside the repository") {
		t.Errorf("got problems %v", problems)
	}
	if s, _ := e.Services[0].Stack(estate.Must(estate.ParseStackName("dev"))); s.Values.Exists() {
		t.Error("a file outside the repository was read")
	}
}

// TestLinked checks that what is read through links is known by the paths at which people change it.
func TestLinked(t *testing.T) {
	if e, _ := Read(example(t)); e.Linked != nil {
		t.Errorf("linked without links: %q", e.Linked)
	}
	fsys := example(t)
	link := func(path, target string) {
		fsys[path] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
	}
	link("deploy-values/orbit/core/api/dev-values.yaml", "../../../../shared/dev.yaml") // through a directory link
	link("shared", "base")
	fsys["base/dev.yaml"] = &fstest.MapFile{Data: []byte("a: 1\n")}
	fsys["base/unread.yaml"] = &fstest.MapFile{Data: []byte("a: 1\n")}
	fsys["teams/one/profile/service.yaml"] = fsys["deploy-values/orbit/web/profile/service.yaml"]
	link("deploy-values/orbit/one", "../../teams/one")
	e, _ := Read(fsys)
	want := []string{
		"base/dev.yaml", "deploy-values/orbit/core/api/dev-values.yaml", "deploy-values/orbit/one", "shared",
		"teams/one/", "teams/one/profile/", "teams/one/profile/service.yaml",
	}
	if diff := cmp.Diff(want, e.Linked); diff != "" {
		t.Errorf("linked (-want +got):\n%s", diff)
	}
}

func TestProblemsErr(t *testing.T) {
	if err := (Problems{}).Err(); err != nil {
		t.Errorf("no problems are the error %v", err)
	}
}

// TestEndedExceptions lets an exception from the freeze name a service that is gone once it has ended, and not before.
func TestEndedExceptions(t *testing.T) {
	files := example(t)
	end := time.Date(2026, 3, 1, 18, 0, 0, 0, time.UTC)
	files["migrations/eks/break-glass.yaml"] = &fstest.MapFile{Data: []byte("- {service: gone, by: Ada, reason: it burns, until: 2026-03-01T18:00:00Z}\n")}
	for now, want := range map[time.Time]int{{}: 1, end.Add(-time.Second): 1, end: 0} {
		if _, problems := new(Reader).ReadAt(files, now); len(problems) != want {
			t.Errorf("at %s there are %d problems, want %d: %v", now, len(problems), want, problems)
		}
	}
}
