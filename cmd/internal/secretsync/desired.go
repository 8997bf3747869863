package secretsync

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"cutover/reconciler/remote/vault"
)

// name tells Secrets apart.
type name struct{ namespace, name string }

func (n name) String() string { return n.namespace + "/" + n.name }

func (n name) compare(other name) int { return strings.Compare(n.String(), other.String()) }

// content is the data of a Secret.
type content map[string]vault.Value

// desired is what Vault says the cluster should have.
type desired struct {
	secrets map[name]content
	// unusable are the paths in Vault that can be no Secret, and why. The Secret of the same name, if there is one, stays.
	unusable map[string]problem
}

// problem is why a Secret is not as Vault has it.
type problem struct {
	state  State
	reason string
}

// wanted reads what Vault has. A path of which any part can be no Secret makes none at all: half a Secret is worse than
// none, since Pods start with it.
func wanted(tree vault.Tree) desired {
	d := desired{secrets: map[name]content{}, unusable: map[string]problem{}}
	for path, keys := range tree {
		n, ok := parseName(path)
		switch {
		case !ok:
			d.unusable[path] = problem{Invalid, "the path is not NAMESPACE/NAME in the letters that Kubernetes allows"}
		case len(keys) == 0:
			d.unusable[path] = problem{Empty, "the secret has no keys: a Secret is never emptied"}
		default:
			if key, ok := badKey(keys); ok {
				d.unusable[path] = problem{Invalid, fmt.Sprintf("the key %q has other letters than Kubernetes allows: a-z, A-Z, 0-9, dot, dash, underscore", key)}
				continue
			}
			d.secrets[n] = keys
		}
	}
	return d
}

func parseName(path string) (name, bool) {
	namespace, rest, ok := strings.Cut(path, "/")
	return name{namespace, rest}, ok && len(validation.IsDNS1123Label(namespace)) == 0 && len(validation.IsDNS1123Subdomain(rest)) == 0
}

func badKey(keys content) (string, bool) {
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if len(validation.IsConfigMapKey(key)) > 0 {
			return key, true
		}
	}
	return "", false
}

// mentions tells whether Vault has anything by that name.
func (d desired) mentions(n name) bool {
	_, wanted := d.secrets[n]
	_, unusable := d.unusable[n.String()]
	return wanted || unusable
}

// few is the number of Secrets below which a share says little: of two, one is half.
const few = 4

// mayDelete is how many of our Secrets one pass may delete. Of few, one may go, unless none may be deleted at all.
func mayDelete(ours, share int) int {
	allowed := ours * share / 100
	if share > 0 && ours < few {
		return max(allowed, 1)
	}
	return allowed
}
