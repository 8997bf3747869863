package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cutover/reconciler/contract/labtest"
)

// Options says what lab to start. The zero value is a good one.
type Options struct {
	// Dir keeps the lab's state and logs. It must be empty or absent, and is left for inspection. Without it, state lives
	// in a temporary directory that Close removes.
	Dir string
	// Accounts maps the Spinnaker accounts that the Gate stand-in knows to the names of clusters. Without it, orbit-dev and
	// orbit-prod are the old cluster and orbit-prod2 is the new one.
	Accounts map[string]string
	// Upstreams are the names by which the edge's upstreams go in their answers and metrics, by cluster. Without it, the
	// old one goes by orbit-prod and the new one by orbit-prod2.
	Upstreams map[string]string
	// Progress, if set, is told about every change of a server's state, one call at a time.
	Progress func(Event)
}

// Event is a change of one server's state.
type Event struct {
	Server  string        // a name for people, such as "gitea" or "old/kube-apiserver"
	State   State         // what the server came to
	Elapsed time.Duration // how long the state before took; 0 for Building and Starting
}

// State is a stage in a server's coming up.
type State string

// The states in their order. A server whose binary is in the cache or in PATH skips the first two.
const (
	Building State = "building" // its binary is being built, or another process builds it
	Built    State = "built"
	Starting State = "starting"
	Ready    State = "ready" // it answered
)

// withDefaults completes the options and refuses those that make no sense.
func (o Options) withDefaults() (Options, error) {
	if o.Accounts == nil {
		o.Accounts = map[string]string{
			"orbit-dev":   labtest.Old,
			"orbit-prod":  labtest.Old,
			"orbit-prod2": labtest.New,
		}
	}
	for account, cluster := range o.Accounts {
		if cluster != labtest.Old && cluster != labtest.New {
			return o, fmt.Errorf("account %s names cluster %q; the clusters are %s and %s",
				account, cluster, labtest.Old, labtest.New)
		}
	}
	if o.Upstreams == nil {
		o.Upstreams = map[string]string{labtest.Old: "orbit-prod", labtest.New: "orbit-prod2"}
	}
	if o.Dir != "" {
		dir, err := filepath.Abs(o.Dir)
		if err != nil {
			return o, fmt.Errorf("state directory: %w", err)
		}
		o.Dir = dir
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return o, fmt.Errorf("state directory: %w", err)
		}
		if len(entries) > 0 {
			return o, fmt.Errorf("state directory %s is not empty; name another or remove it", dir)
		}
	}
	if o.Progress == nil {
		o.Progress = func(Event) {}
	}
	return o, nil
}
