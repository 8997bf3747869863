package labtest

import (
	"encoding/json"
	"fmt"
	"os"
)

// Names of the lab's two clusters.
const (
	Old = "old" // the cluster that the sample product leaves
	New = "new" // the cluster that it moves to
)

// Env is the environment variable that names the file with the description of a running lab.
const Env = "CUTOVER_LAB"

// Lab describes a running lab: where its servers are and how to log in.
type Lab struct {
	Dir      string             `json:"dir"`      // the lab's state; one log file per server under log/
	Clusters map[string]Cluster `json:"clusters"` // by name: Old and New
	Git      Git                `json:"git"`
	Vault    Vault              `json:"vault"`
	Gate     Gate               `json:"gate"`
	Edge     Edge               `json:"edge"`

	Alertmanager Alertmanager `json:"alertmanager"`
	Prometheus   Prometheus   `json:"prometheus"`
	AWS          AWS          `json:"aws"`
}

// Cluster is a Kubernetes control plane whose Pods are brought to life by kwok.
type Cluster struct {
	Kubeconfig string `json:"kubeconfig"` // path of a file; its user may do everything
	Server     string `json:"server"`     // URL of the API server
}

// Git is a Gitea server.
type Git struct {
	URL      string `json:"url"`      // without a trailing slash
	Username string `json:"username"` // an administrator
	Password string `json:"password"`
	Token    string `json:"token"` // an access token of that user with every scope
}

// Vault is Vault's core with a kv version 2 engine mounted at k8s-secret.
type Vault struct {
	Address string `json:"address"`
	Token   string `json:"token"` // the root token
}

// Gate is the stand-in for Spinnaker's API.
type Gate struct {
	URL string `json:"url"` // without a trailing slash
}

// Alertmanager has one receiver, which tells nobody.
type Alertmanager struct {
	URL string `json:"url"` // without a trailing slash
}

// Prometheus reads the page Edge.Metrics every second, as job "edge".
type Prometheus struct {
	URL string `json:"url"` // without a trailing slash
}

// AWS is moto, which plays IAM and Route 53. It takes any credentials.
type AWS struct {
	URL             string `json:"url"` // the endpoint of every service, without a trailing slash
	Region          string `json:"region"`
	Account         string `json:"account"` // the number of the account that owns everything, 12 digits
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
}

// Read reads the description of a lab from file.
func Read(file string) (*Lab, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the lab's description: %w", err)
	}
	l := new(Lab)
	if err := json.Unmarshal(data, l); err != nil {
		return nil, fmt.Errorf("read the lab's description %s: %w", file, err)
	}
	return l, nil
}

// Write writes the description to file, for its owner's eyes only: it holds credentials.
func (l *Lab) Write(file string) error {
	data, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return fmt.Errorf("write the lab's description: %w", err)
	}
	if err := os.WriteFile(file, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the lab's description: %w", err)
	}
	return nil
}
