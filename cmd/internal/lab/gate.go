package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"

	"cutover/charts"
	"cutover/cmd/internal/lab/spinnaker"
	"cutover/reconciler/contract/labtest"
)

// ValuesRepository is the name of the repository, owned by the lab's git user, from which Gate's artifact account
// "values" reads. The lab does not make it: the sample estate does.
const ValuesRepository = "orbit-values"

// gate is the stand-in for Spinnaker's Gate. It runs in this process, so it cannot outlive it.
type gate struct {
	log       *os.File
	spinnaker *spinnaker.Server
	http      *http.Server
}

// startGate serves the stand-in, whose accounts are the lab's clusters.
func (l *Lab) startGate(ctx context.Context, clusters map[string]*rest.Config, accounts map[string]string) (_ labtest.Gate, err error) {
	const name = "gate"
	l.report(name, Starting)
	defer func() {
		if err != nil {
			err = fmt.Errorf("start gate: %w", err)
		}
	}()
	known := make(map[string]*rest.Config)
	for account, cluster := range accounts {
		known[account] = clusters[cluster]
	}
	log, err := os.Create(filepath.Join(l.logs(), logName(name)))
	if err != nil {
		return labtest.Gate{}, err
	}
	l.gate = &gate{log: log}
	git := l.description.Git
	l.gate.spinnaker, err = spinnaker.New(spinnaker.Config{
		Accounts: known,
		Artifacts: []spinnaker.ArtifactAccount{{
			Name:     "values",
			URL:      git.URL + "/" + git.Username + "/" + ValuesRepository + ".git",
			Username: git.Username,
			Token:    git.Token,
		}},
		Charts: charts.Files,
		Log:    slog.New(slog.NewTextHandler(log, nil)),
		Dir:    filepath.Join(l.state.dir, name),
	})
	if err != nil {
		return labtest.Gate{}, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return labtest.Gate{}, err
	}
	l.gate.http = &http.Server{Handler: l.gate.spinnaker.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = l.gate.http.Serve(listener) }() // ends with close
	l.report(name, Ready)
	return labtest.Gate{URL: "http://" + listener.Addr().String()}, nil
}

// close ends what start got to.
func (g *gate) close() error {
	var failures []error
	if g.http != nil {
		failures = append(failures, g.http.Close())
	}
	if g.spinnaker != nil {
		failures = append(failures, g.spinnaker.Close())
	}
	return errors.Join(append(failures, g.log.Close())...)
}
