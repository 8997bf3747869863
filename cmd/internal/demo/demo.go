// Package demo shows a person what the program does, on the lab's real servers: a whole migration by pull requests, from
// prepare to all of the traffic in the new cluster and back, with what developers and somebody with kubectl do meanwhile,
// and with users whose failed requests are counted.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"cutover/cmd/internal/lab"
	"cutover/cmd/internal/lab/load"
	"cutover/cmd/internal/lab/sample"
	"cutover/cmd/internal/lab/scenario"
	"cutover/cmd/internal/term"
	"cutover/gitops/estate"
)

// Config says how the demo is run.
type Config struct {
	Lab *lab.Lab
	// Binary is the cutover program, which is started as the daemon.
	Binary string
	Out    io.Writer
}

// Demo is a demo under way.
type Demo struct {
	Config
	dir       string
	log       *os.File
	estate    *estate.Estate
	migration estate.Migration
	scenario  *scenario.Scenario
	daemon    *scenario.Daemon
	sync      *scenario.Sync
	load      *load.Source
	late      int // number of a developer's pull request
}

// act is one of the things that the demo shows.
type act struct {
	title string
	run   func(*Demo, context.Context) error
}

var acts = []act{
	{"The lab: real servers on this machine", (*Demo).showLab},
	{"The sample estate, in a values repository on a real git server", (*Demo).loadEstate},
	{"Pull request prepare: the new cluster checked, secrets copied, roles, values, stacks and pipelines", (*Demo).prepare},
	{"Pull request deploy: stateless, then singleton, then stateful-client, each through its own pipeline", (*Demo).deploy},
	{"A commit to one service's values", (*Demo).commit},
	{"Drift: somebody edits one object and deletes another in the new cluster", (*Demo).drift},
	{"A second pass over everything changes nothing", (*Demo).secondPass},
	{"Meanwhile, in the old cluster", (*Demo).changes},
	{"Pull request freeze: developers stop, and what changed is brought over", (*Demo).freeze},
	{"Pull requests of the canary: traffic moves at the edge, up to 100 %", (*Demo).canary},
	{"And back: a reverting pull request", (*Demo).rollback},
}

// Run shows everything once. What it started is still running when it returns without an error: Close stops it.
func Run(ctx context.Context, c Config) (_ *Demo, err error) {
	d := &Demo{Config: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	if d.dir, err = os.MkdirTemp(c.Lab.Description().Dir, "demo-"); err != nil {
		return nil, err
	}
	if d.log, err = os.Create(filepath.Join(d.dir, "daemon.log")); err != nil {
		return nil, err
	}
	for i, a := range acts {
		d.say("\n%d. %s\n", i+1, a.title)
		begun := time.Now()
		if err := a.run(d, ctx); err != nil {
			return nil, fmt.Errorf("demo, part %d: %w\nThe daemon's log: %s", i+1, err, d.lastLines())
		}
		d.say("   (%s)\n", time.Since(begun).Round(100*time.Millisecond))
	}
	return d, nil
}

// Close stops the daemon and removes what the demo wrote.
func (d *Demo) Close() error {
	var errs []error
	if d.load != nil {
		d.load.Stop()
	}
	if d.daemon != nil {
		errs = append(errs, d.daemon.Stop())
	}
	if d.sync != nil {
		errs = append(errs, d.sync.Stop())
	}
	if d.scenario != nil {
		errs = append(errs, d.scenario.Close())
	}
	if d.log != nil {
		errs = append(errs, d.log.Close())
	}
	if d.dir != "" {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}

// ConfigFile is the daemon's configuration, for other commands to be tried with.
func (d *Demo) ConfigFile() string { return d.daemon.Config }

// Env is what other commands need in their environment besides.
func (d *Demo) Env() []string { return d.scenario.Env() }

func (d *Demo) say(format string, args ...any) { fmt.Fprintf(d.Out, format, args...) }

func (d *Demo) showLab(context.Context) error {
	d.say("%s", indent(d.Lab.Describe()))
	return nil
}

// bakeFor is how long each weight bakes here. In production it is minutes.
const bakeFor = "4s"

// stack is the stack of the sample that moves.
var stack = estate.Must(estate.ParseStackName("prod"))

func (d *Demo) loadEstate(ctx context.Context) error {
	bar := term.NewBar(d.Out, "loading the old cluster", 0)
	description := d.Lab.Description()
	s, err := scenario.New(ctx, scenario.Config{
		Lab: description, Gate: description.Gate.URL, Dir: d.dir, Repository: lab.ValuesRepository,
		Files: scenario.Dress(sample.Files(), description.Edge, bakeFor), Versions: sample.Versions(), Progress: bar.Set,
		Edge: description.Edge, Reviewed: true, Planted: "planted-",
	})
	if err != nil {
		return err
	}
	d.scenario = s
	if d.estate, d.migration, err = s.Estate(ctx); err != nil {
		return err
	}
	for cluster, name := range map[string]estate.ClusterName{"old": d.migration.From.Cluster, "new": d.migration.To.Cluster} {
		if err := s.LabelNodes(ctx, cluster, sample.NodeLabels(name)); err != nil {
			return err
		}
	}
	if err := s.LoadOldCluster(ctx, d.estate, d.migration); err != nil {
		return err
	}
	// It outlives ctx: Close stops it.
	if d.sync, err = s.StartSync(context.WithoutCancel(ctx), filepath.Join(filepath.Dir(d.Binary), "secret-sync"), d.estate, d.migration, d.log); err != nil {
		return err
	}
	pipelines, err := s.SavePipelines(ctx, d.estate, d.migration.Product, stack)
	bar.Done()
	if err != nil {
		return err
	}
	d.say("   %s\n", s.URL)
	d.say("   %d services of product %s committed to main; %d of them have stack %s\n",
		len(d.estate.Services), d.migration.Product, len(d.estate.InStack(d.migration.Product, stack)), stack)
	d.say("   the old cluster runs these, each at a version of its own; Spinnaker has their %d pipelines\n", pipelines)
	return nil
}

func (d *Demo) lastLines() string {
	const most = 2000
	data, err := os.ReadFile(d.log.Name())
	if err != nil {
		return err.Error()
	}
	if len(data) > most {
		data = data[len(data)-most:]
	}
	return "...\n" + string(data)
}
