package manifest_test

import (
	"fmt"
	"sync"
	"testing"

	"cutover/reconciler/manifest"
)

func TestRendererRemembers(t *testing.T) {
	r := manifest.NewRenderer(2)
	in := orbitAPI(t, "image: a")
	first, cached, err := r.Render(in)
	if err != nil || cached {
		t.Fatal(cached, err)
	}
	want := string(printed(t, first))
	for _, o := range first {
		o.SetName("changed by the caller") // must not reach the next one
		o.Object["spec"] = nil
	}
	second, cached, err := r.Render(orbitAPI(t, "image: a"))
	if err != nil || !cached {
		t.Fatal("not remembered:", err)
	}
	second[0].SetLabels(nil)
	third, _, _ := r.Render(in)
	if got := string(printed(t, third)); got != want {
		t.Errorf("a caller's change reached the next one:\n%s", got)
	}
	if r.Renders() != 1 {
		t.Errorf("rendered %d times", r.Renders())
	}

	for i := range 2 { // push the first out
		if _, _, err := r.Render(orbitAPI(t, fmt.Sprintf("image: a%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	if _, cached, _ := r.Render(in); cached || r.Renders() != 4 {
		t.Errorf("cached %t after %d renders: the cache is not bounded", cached, r.Renders())
	}
}

func TestRendererTriesFailuresAgain(t *testing.T) {
	r := manifest.NewRenderer(2)
	for range 2 {
		if _, _, err := r.Render(orbitAPI(t, "")); err == nil {
			t.Fatal("no error")
		}
	}
	if r.Renders() != 2 {
		t.Errorf("rendered %d times", r.Renders())
	}
}

// Many goroutines render the same few charts, some of which Helm would change while it works out dependencies.
func TestRendererIsSafeForGoroutines(t *testing.T) {
	r := manifest.NewRenderer(1)
	on, off := inputFrom(t, "testdata/charts/subcharts.txtar"), inputFrom(t, "testdata/charts/switched.txtar")
	want := map[bool]string{}
	for _, isOn := range []bool{true, false} {
		in := map[bool]manifest.Input{true: on, false: off}[isOn]
		in.Charts = on.Charts
		objects, err := manifest.Render(in)
		if err != nil {
			t.Fatal(err)
		}
		want[isOn] = string(printed(t, objects))
	}
	off.Charts = on.Charts
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			in := on
			if i%2 == 0 {
				in = off
			}
			objects, _, err := r.Render(in)
			if err != nil || string(printed(t, objects)) != want[i%2 == 1] {
				t.Errorf("goroutine %d: another result than alone: %v", i, err)
			}
		})
	}
	wg.Wait()
}
