package lab

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// adminUser is in the group that may do everything. People, tests and the cluster's own components all use it.
const adminUser = "cutover"

// credentials are what one cluster's servers and their clients trust.
type credentials struct {
	dir            string
	tlsCert        string // of every server of the cluster; its issuer is in the same file
	tlsKey         string
	serviceAccount string // the key that signs service account tokens
	tokens         string // the API server's table of users
	token          string // of adminUser
	authority      []byte
}

// newCredentials writes a cluster's credentials into dir.
func newCredentials(dir string) (*credentials, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make credentials: %w", err)
	}
	authority, key, err := cert.GenerateSelfSignedCertKey("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	serviceAccount, err := keyutil.MakeEllipticPrivateKeyPEM()
	if err != nil {
		return nil, fmt.Errorf("make the service accounts' key: %w", err)
	}
	c := &credentials{
		dir:            dir,
		tlsCert:        filepath.Join(dir, "tls.crt"),
		tlsKey:         filepath.Join(dir, "tls.key"),
		serviceAccount: filepath.Join(dir, "service-account.key"),
		tokens:         filepath.Join(dir, "tokens.csv"),
		token:          rand.Text(),
		authority:      authority,
	}
	for path, data := range map[string][]byte{
		c.tlsCert:        authority,
		c.tlsKey:         key,
		c.serviceAccount: serviceAccount,
		c.tokens:         fmt.Appendf(nil, "%s,%s,%s,system:masters\n", c.token, adminUser, adminUser),
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return nil, fmt.Errorf("write credentials: %w", err)
		}
	}
	return c, nil
}

// rest returns the configuration of a client of the API server at url that may do everything.
func (c *credentials) rest(url string) *rest.Config {
	return &rest.Config{
		Host:            url,
		BearerToken:     c.token,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.authority},
		QPS:             -1, // the lab's servers have nobody else to protect
	}
}

// writeKubeconfig writes a kubeconfig for the cluster called name.
func (c *credentials) writeKubeconfig(path, name, url string) error {
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: url, CertificateAuthorityData: c.authority}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: c.token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return fmt.Errorf("write the kubeconfig of cluster %s: %w", name, err)
	}
	return nil
}
