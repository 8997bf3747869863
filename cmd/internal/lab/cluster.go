package lab

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"cutover/reconciler/contract/labtest"
)

// clusterSpec is what differs between the two clusters.
type clusterSpec struct {
	name     string
	pods     string // CIDR of Pod addresses
	services string // CIDR of Service addresses
}

var clusterSpecs = []clusterSpec{
	{labtest.Old, "10.244.0.0/16", "10.96.0.0/16"},
	{labtest.New, "10.245.0.0/16", "10.97.0.0/16"},
}

// cluster is a running control plane.
type cluster struct {
	clusterSpec
	credentials *credentials
	url         string
	rest        *rest.Config
	kubeconfig  string
}

// startCluster starts a control plane over etcd and waits until its nodes are ready and Istio's resources are known.
func (l *Lab) startCluster(ctx context.Context, spec clusterSpec, etcd string) (*cluster, error) {
	secrets, err := newCredentials(filepath.Join(l.state.dir, spec.name))
	if err != nil {
		return nil, err
	}
	c := &cluster{
		clusterSpec: spec,
		credentials: secrets,
		kubeconfig:  filepath.Join(l.state.dir, spec.name+".kubeconfig"),
	}
	if c.url, err = l.startAPIServer(ctx, c, etcd); err != nil {
		return nil, err
	}
	c.rest = secrets.rest(c.url)
	if err := secrets.writeKubeconfig(c.kubeconfig, c.name, c.url); err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(c.rest)
	if err != nil {
		return nil, err
	}
	// The whole estate arrives in these at once.
	quick := []string{"--kube-api-qps=500", "--kube-api-burst=1000"}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return l.startController(ctx, c, "kube-controller-manager", append(quick,
			"--concurrent-deployment-syncs=20",
			// kwok renews the nodes' leases late when the machine is busy, and, unlike a kubelet, does not make
			// the Pods ready again that the node controller then marks as not ready.
			"--node-monitor-grace-period=1h",
			"--service-account-private-key-file", secrets.serviceAccount,
			"--root-ca-file", secrets.tlsCert)...)
	})
	group.Go(func() error { return l.startController(ctx, c, "kube-scheduler", quick...) })
	group.Go(func() error {
		if err := createNodes(ctx, client); err != nil {
			return err
		}
		return l.startKwok(ctx, c, client)
	})
	group.Go(func() error { return createMeshResources(ctx, c, l.assets.mesh) })
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("cluster %s: %w", c.name, err)
	}
	return c, nil
}

func (l *Lab) startAPIServer(ctx context.Context, c *cluster, etcd string) (url string, err error) {
	ports, err := l.serve(ctx, server{
		name:  c.name + "/kube-apiserver",
		tier:  1,
		ports: 1,
		command: func(ctx context.Context, ports []string) *exec.Cmd {
			return l.command(ctx, "kube-apiserver",
				"--etcd-servers", etcd,
				"--etcd-prefix", "/"+c.name,
				"--bind-address", "127.0.0.1",
				"--secure-port", ports[0],
				// A machine without a network has no other address to advertise, and nobody asks for it.
				"--advertise-address", "127.0.0.1",
				"--endpoint-reconciler-type", "none",
				"--tls-cert-file", c.credentials.tlsCert,
				"--tls-private-key-file", c.credentials.tlsKey,
				"--cert-dir", c.credentials.dir,
				"--service-account-issuer", "https://kubernetes.default.svc",
				"--service-account-key-file", c.credentials.serviceAccount,
				"--service-account-signing-key-file", c.credentials.serviceAccount,
				"--service-cluster-ip-range", c.services,
				"--token-auth-file", c.credentials.tokens,
				"--authorization-mode", "RBAC",
			)
		},
		ready: func(ctx context.Context, ports []string) error { return c.ask(ctx, ports[0], "/readyz") },
	})
	if err != nil {
		return "", err
	}
	return "https://127.0.0.1:" + ports[0], nil
}

// startController starts one of Kubernetes' own controllers. They have the same flags for what matters here.
func (l *Lab) startController(ctx context.Context, c *cluster, name string, flags ...string) error {
	_, err := l.serve(ctx, server{
		name:  c.name + "/" + name,
		tier:  2,
		ports: 1,
		command: func(ctx context.Context, ports []string) *exec.Cmd {
			return l.command(ctx, name, append([]string{
				"--kubeconfig", c.kubeconfig,
				"--leader-elect=false",
				"--bind-address", "127.0.0.1",
				"--secure-port", ports[0],
				"--tls-cert-file", c.credentials.tlsCert,
				"--tls-private-key-file", c.credentials.tlsKey,
			}, flags...)...)
		},
		ready: func(ctx context.Context, ports []string) error { return c.ask(ctx, ports[0], "/healthz") },
	})
	return err
}

// ask asks one of the cluster's servers on port for path. Only this cluster's servers have the certificate that the
// client trusts.
func (c *cluster) ask(ctx context.Context, port, path string) error {
	client, err := rest.HTTPClientFor(c.credentials.rest(""))
	if err != nil {
		return err
	}
	url := "https://127.0.0.1:" + port + path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return nil
}
