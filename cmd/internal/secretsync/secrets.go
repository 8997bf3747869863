package secretsync

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// The marks of our Secrets.
const (
	LabelManagedBy = "app.kubernetes.io/managed-by"
	ManagedBy      = "cutover-secret-sync"
	// LabelInstance is a label of our own: other tools delete what carries app.kubernetes.io/instance and is not theirs.
	LabelInstance = "cutover.dev/secret-sync"
	// AnnotationPath says where in Vault a Secret comes from.
	AnnotationPath = "cutover.dev/vault-path"
	// FieldManager is the manager of what we write.
	FieldManager = "secret-sync"
)

// requestTimeout bounds one request to the API server.
const requestTimeout = 15 * time.Second

// cluster is the Secrets of a cluster: ours are watched.
type cluster struct {
	client   kubernetes.Interface
	instance string
	root     string
	informer cache.SharedIndexInformer
}

func newCluster(config *rest.Config, instance, root string) (*cluster, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = 50, 100
	config.UserAgent = FieldManager
	config.WarningHandler = rest.NoWarnings{} // the API server warns of bad certificates, and may quote what a Secret holds
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	k := &cluster{client: client, instance: instance, root: strings.Trim(root, "/")}
	ours := labels.SelectorFromSet(k.marks()).String()
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = ours }))
	k.informer = factory.Core().V1().Secrets().Informer()
	return k, nil
}

func (k *cluster) marks() map[string]string {
	return map[string]string{LabelManagedBy: ManagedBy, LabelInstance: k.instance}
}

func (k *cluster) marked(s *corev1.Secret) bool {
	for label, value := range k.marks() {
		if s.Labels[label] != value {
			return false
		}
	}
	return true
}

// ours lists our Secrets.
func (k *cluster) ours() []*corev1.Secret {
	var out []*corev1.Secret
	for _, held := range k.informer.GetStore().List() {
		if s, ok := held.(*corev1.Secret); ok {
			out = append(out, s)
		}
	}
	return out
}

// cached is one of our Secrets as it was seen last, or nil.
func (k *cluster) cached(n name) *corev1.Secret {
	held, _, err := k.informer.GetStore().GetByKey(n.String())
	if err != nil {
		return nil
	}
	s, _ := held.(*corev1.Secret)
	return s
}

// errForeign means that a Secret is not ours.
var errForeign = errors.New("a Secret of that name exists without our labels: it is not touched")

// asked is when a Secret may be written: it is asked before a write that will happen.
type asked func() bool

// ensure makes a Secret what it should be, and tells whether it wrote. It writes nothing when it is so already.
func (k *cluster) ensure(ctx context.Context, n name, want content, may asked) (wrote bool, err error) {
	live := k.cached(n)
	if live == nil {
		// Not ours, or not seen yet.
		if live, err = k.get(ctx, n); err != nil {
			return false, describe("get", n, err)
		}
		if live != nil && !k.marked(live) {
			return false, errForeign
		}
	}
	if live != nil && (live.DeletionTimestamp != nil || k.equal(live, n, want)) {
		return false, nil
	}
	if !may() {
		return false, nil
	}
	if live == nil {
		err = k.create(ctx, n, want)
	} else {
		err = k.update(ctx, n, want, live)
	}
	return err == nil, err
}

func (k *cluster) get(ctx context.Context, n name) (*corev1.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	s, err := k.client.CoreV1().Secrets(n.namespace).Get(ctx, n.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return s, err
}

// equal tells whether a Secret holds what it should, and nothing else.
func (k *cluster) equal(s *corev1.Secret, n name, want content) bool {
	if len(s.Data) != len(want) || !k.marked(s) || s.Annotations[AnnotationPath] != k.path(n) {
		return false
	}
	for key, value := range want {
		if have, ok := s.Data[key]; !ok || !bytes.Equal(have, []byte(value.Reveal())) {
			return false
		}
	}
	return true
}

func (k *cluster) path(n name) string { return k.root + "/" + n.String() }

// annotations are those of a Secret of ours.
func (k *cluster) annotations(n name) map[string]string {
	return map[string]string{AnnotationPath: k.path(n)}
}

// typeOf is the type that a Secret with such keys is made with: kubelet takes no pull secret that is Opaque, and the API
// server none that is no JSON object.
func typeOf(want content) corev1.SecretType {
	value, docker := want[corev1.DockerConfigJsonKey]
	var object map[string]any
	docker = docker && json.Unmarshal([]byte(value.Reveal()), &object) == nil
	_, cert := want[corev1.TLSCertKey]
	_, key := want[corev1.TLSPrivateKeyKey]
	switch {
	case docker && len(want) == 1:
		return corev1.SecretTypeDockerConfigJson
	case cert && key:
		return corev1.SecretTypeTLS
	}
	return corev1.SecretTypeOpaque
}

// create makes a Secret that is not there. One that somebody made in this very moment is an error, and not written
// over: the next look tells whose it is.
func (k *cluster) create(ctx context.Context, n name, want content) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: n.name, Labels: k.marks(), Annotations: k.annotations(n)},
		Type:       typeOf(want),
		Data:       map[string][]byte{},
	}
	for key, value := range want {
		s.Data[key] = []byte(value.Reveal())
	}
	_, err := k.client.CoreV1().Secrets(n.namespace).Create(ctx, s, metav1.CreateOptions{FieldManager: FieldManager})
	return describe("create", n, err)
}

// update makes a Secret what it should be, if it is still as it was seen. It is one merge patch: that never makes a
// Secret, takes out keys whoever put them in, and leaves all as it was if it is refused. Server-side apply would leave
// the keys of create and of other managers, and need a second request for them.
func (k *cluster) update(ctx context.Context, n name, want content, live *corev1.Secret) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	data := map[string]any{}
	for key := range live.Data {
		data[key] = nil
	}
	for key, value := range want {
		data[key] = []byte(value.Reveal())
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": live.ResourceVersion, "labels": k.marks(), "annotations": k.annotations(n)},
		"data":     data,
	})
	if err != nil {
		return err
	}
	_, err = k.client.CoreV1().Secrets(n.namespace).Patch(ctx, n.name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: FieldManager})
	told := describe("update", n, err)
	if apierrors.HasStatusCause(err, metav1.CauseTypeFieldValueRequired) {
		return fmt.Errorf("%w: its type %s needs that, and a type cannot be changed: delete the Secret, it is made anew as %s", told, live.Type, typeOf(want))
	}
	return told
}

// remove deletes a Secret, if it is still as it was seen.
func (k *cluster) remove(ctx context.Context, s *corev1.Secret) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err := k.client.CoreV1().Secrets(s.Namespace).Delete(ctx, s.Name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &s.UID, ResourceVersion: &s.ResourceVersion},
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return describe("delete", name{s.Namespace, s.Name}, err)
}

// namespaces lists the namespaces that take Secrets.
func (k *cluster) namespaces(ctx context.Context) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	list, err := k.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	out := map[string]bool{}
	for _, ns := range list.Items {
		if ns.DeletionTimestamp == nil {
			out[ns.Name] = true
		}
	}
	return out, nil
}

func (k *cluster) createNamespace(ctx context.Context, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if _, err := k.client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{FieldManager: FieldManager}); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create namespace %s: %w", namespace, err)
	}
	return nil
}

// describe tells an error about a Secret by the fields that are wrong: the API server's own text may quote what they
// hold.
func describe(verb string, n name, err error) error {
	if err == nil {
		return nil
	}
	call := verb + " Secret " + n.String()
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return fmt.Errorf("%s: %w", call, err) // from the network, before the server saw it
	}
	status := answer.Status()
	text := []string{fmt.Sprint(status.Code), string(status.Reason)}
	if status.Details != nil {
		for _, cause := range status.Details.Causes {
			text = append(text, strings.TrimSpace(cause.Field+" "+string(cause.Type)))
		}
	}
	return fmt.Errorf("%s: %s", call, strings.Join(text, ", "))
}
