package reconciler

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover/gitops/estate"
	"cutover/reconciler/failure"
)

// shelf is a registry in memory.
type shelf map[string][]estate.File

func (s shelf) Chart(_ context.Context, reference string) ([]estate.File, error) {
	if files, ok := s[reference]; ok {
		return files, nil
	}
	return nil, failure.ErrNotFound
}

func estateWith(sources ...estate.Source) *estate.Estate {
	e := &estate.Estate{}
	for _, s := range sources {
		e.Charts = append(e.Charts, estate.Chart{Name: estate.Must(estate.ParseChartName("web")), From: s})
	}
	return e
}

func TestWithCharts(t *testing.T) {
	path := estate.Source{Kind: estate.FromPath, Ref: "charts/web"}
	oci := estate.Source{Kind: estate.FromOCI, Ref: "oci://charts.example.com/web:1"}
	files := []estate.File{{Path: "Chart.yaml", Data: []byte("name: web")}}
	r := &Reconciler{Config: Config{Charts: shelf{oci.Ref: files}}}

	shared := estateWith(path, oci)
	filled, err := r.withCharts(t.Context(), "migration/eks", "abc", shared)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, filled.Charts[1].Files); diff != "" || filled.Charts[0].Files != nil {
		t.Errorf("files of the charts: %s, %v", diff, filled.Charts[0].Files)
	}
	if shared.Charts[1].Files != nil {
		t.Error("the shared estate was changed")
	}
	if same, err := r.withCharts(t.Context(), "migration/eks", "abc", estateWith(path)); err != nil || len(same.Charts) != 1 {
		t.Errorf("got %v, %v from an estate without registries", same, err)
	}

	missing := estate.Source{Kind: estate.FromOCI, Ref: "oci://charts.example.com/web:2"}
	_, err = r.withCharts(t.Context(), "migration/eks", "abc", estateWith(missing))
	if bad := (*BadInput)(nil); !errors.Is(err, failure.ErrNotFound) || errors.As(err, &bad) || !strings.Contains(err.Error(), "chart web") {
		t.Errorf("got %v, want that chart web is not found, to be tried again", err)
	}

	r.Charts = nil
	if _, err := r.withCharts(t.Context(), "migration/eks", "abc", estateWith(path)); err != nil {
		t.Errorf("got %v without a registry and without need of one", err)
	}
	_, err = r.withCharts(t.Context(), "migration/eks", "abc", estateWith(oci))
	if bad := (*BadInput)(nil); !errors.As(err, &bad) || bad.Commit != "abc" || !strings.Contains(err.Error(), "add registry") {
		t.Errorf("got %v, want bad input that says what to configure", err)
	}
}
