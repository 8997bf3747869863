package secretsync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"cutover/reconciler/remote/vault"
)

// The exit codes of the program.
const (
	exitOK       = 0
	exitError    = 1
	exitBadInput = 2
)

// Main runs the program secret-sync and returns its exit code: 0 when it was stopped, or with --once when all is as
// Vault has it; 1 after an error; 2 for flags that make no sense.
func Main(ctx context.Context, args []string, env func(string) string, out, errOut io.Writer, version string) int {
	cmd := newCommand(env, version) //nolint:contextcheck // the command gets it from ExecuteContext
	cmd.SetArgs(args)
	cmd.SetOut(out)
	cmd.SetErr(errOut)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(errOut, "secret-sync: "+err.Error())
	var bad *badInput
	if errors.As(err, &bad) {
		return exitBadInput
	}
	return exitError
}

// badInput is the fault of the flags.
type badInput struct{ error }

func (b *badInput) Unwrap() error { return b.error }

// options are the flags.
type options struct {
	root, kubeconfig, context, instance, listen string
	interval                                    time.Duration
	maxDelete                                   int
	createNamespaces, once                      bool
	logLevel, logFormat                         string

	address, namespace, ca, tokenFile           string
	appRoleMount, roleID, secretIDFile          string
	kubernetesMount, kubernetesRole, kubernetes string
	timeout                                     time.Duration
}

func newCommand(env func(string) string, version string) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "secret-sync --root PATH",
		Short: "Make Kubernetes Secrets of what is below a path in Vault",
		Long: `Makes Kubernetes Secrets of what is below a path in Vault, in the cluster where it runs: the secret
PATH/NAMESPACE/NAME becomes the Secret NAME in NAMESPACE. Reads Vault at every interval; puts right at
once what was edited or deleted in the cluster. While Vault is away, everything stays as it is.

Only Secrets with our labels are ever changed. One is deleted only after Vault was read completely and
no longer has it, and never more than --max-delete percent at once.

Serves /healthz, /readyz and /metrics. Exit codes: 0 stopped, 1 an error, 2 bad input.

Log in to Vault by exactly one of: --vault-token-file; --vault-approle-role-id and
--vault-approle-secret-id-file; --vault-kubernetes-role; or, if none is given, the environment
variable VAULT_TOKEN. VAULT_ADDR, VAULT_NAMESPACE and VAULT_CACERT are the defaults of their flags.`,
		Example: `  secret-sync --root k8s-secret/orbit-prod2 --vault-address https://vault.example.com:8200 \
    --vault-kubernetes-mount kubernetes-prod2 --vault-kubernetes-role secret-sync

  VAULT_TOKEN=... secret-sync --root k8s-secret/orbit-prod2 --vault-address http://127.0.0.1:8200 \
    --kubeconfig new.kubeconfig --interval 5s --listen 127.0.0.1:8081`,
		Version: version,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &badInput{fmt.Errorf("unknown argument %q", args[0])}
			}
			return nil
		},
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &badInput{err} })
	f := cmd.Flags()
	f.StringVar(&o.root, "root", "", "`path` in Vault below which are this cluster's secrets, such as k8s-secret/orbit-prod2")
	f.DurationVar(&o.interval, "interval", defaultInterval, "how often Vault is read")
	f.IntVar(&o.maxDelete, "max-delete", defaultMaxDelete, "share of our Secrets that one pass may delete, in `percent`")
	f.BoolVar(&o.createNamespaces, "create-namespaces", false, "create namespaces that Vault names and the cluster lacks")
	f.StringVar(&o.instance, "instance", defaultInstance, "`name` that tells our Secrets from those of another secret-sync in the cluster")
	f.BoolVar(&o.once, "once", false, "make one pass and exit")
	f.StringVar(&o.listen, "listen", ":8080", "`address` of health and metrics; empty for none")
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "`file` that says how to reach the cluster; without it, the Pod's own service account")
	f.StringVar(&o.context, "context", "", "context of the kubeconfig; without it, the current one")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&o.logFormat, "log-format", "json", "json or text")
	f.StringVar(&o.address, "vault-address", env("VAULT_ADDR"), "`URL` of Vault")
	f.StringVar(&o.namespace, "vault-namespace", env("VAULT_NAMESPACE"), "namespace of Vault Enterprise")
	f.StringVar(&o.ca, "vault-ca", env("VAULT_CACERT"), "PEM `file` of the authority that signed Vault's certificate")
	f.DurationVar(&o.timeout, "vault-timeout", 0, "of one request to Vault; 0 for 15s")
	f.StringVar(&o.tokenFile, "vault-token-file", "", "`file` with a token, such as Vault Agent writes it")
	f.StringVar(&o.roleID, "vault-approle-role-id", "", "role `id` of AppRole")
	f.StringVar(&o.secretIDFile, "vault-approle-secret-id-file", "", "`file` with the secret id of AppRole")
	f.StringVar(&o.appRoleMount, "vault-approle-mount", "", "where AppRole is mounted, below auth/; default approle")
	f.StringVar(&o.kubernetesRole, "vault-kubernetes-role", "", "`role` of Kubernetes authentication")
	f.StringVar(&o.kubernetesMount, "vault-kubernetes-mount", "", "where Kubernetes authentication is mounted, below auth/; default kubernetes")
	f.StringVar(&o.kubernetes, "vault-kubernetes-jwt-file", "", "`file` with the service account's token; default where a Pod has it")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		log, err := o.logger(cmd.ErrOrStderr())
		if err != nil {
			return &badInput{err}
		}
		c, err := o.config(env, log)
		if err != nil {
			return &badInput{err}
		}
		klog.SetSlogLogger(log.With("library", "client-go"))
		return Run(cmd.Context(), c)
	}
	return cmd
}

func (o options) logger(to io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level is debug, info, warn or error, and not %q", o.logLevel)
	}
	handler := &slog.HandlerOptions{Level: level}
	switch o.logFormat {
	case "json":
		return slog.New(slog.NewJSONHandler(to, handler)), nil
	case "text":
		return slog.New(slog.NewTextHandler(to, handler)), nil
	}
	return nil, fmt.Errorf("--log-format is json or text, and not %q", o.logFormat)
}

// config is what Run needs, checked.
func (o options) config(env func(string) string, log *slog.Logger) (Config, error) {
	c := Config{
		Root: o.root, Instance: o.instance, Interval: o.interval, MaxDelete: &o.maxDelete, CreateNamespaces: o.createNamespaces,
		Listen: o.listen, Once: o.once, Log: log,
		Vault: vault.Config{Address: o.address, Namespace: o.namespace, CAFile: o.ca, Timeout: o.timeout, Auth: o.auth(env), Log: log},
	}
	var err error
	if c.REST, err = o.rest(); err != nil {
		return c, err
	}
	v, err := vault.New(c.Vault) // makes no request
	if err != nil {
		return c, err
	}
	v.Close()
	return c, c.check()
}

func (o options) auth(env func(string) string) vault.Auth {
	a := vault.Auth{TokenFile: o.tokenFile}
	if o.roleID != "" || o.secretIDFile != "" {
		a.AppRole = &vault.AppRole{Mount: o.appRoleMount, RoleID: o.roleID, SecretIDFile: o.secretIDFile}
	}
	if o.kubernetesRole != "" {
		a.Kubernetes = &vault.Kubernetes{Mount: o.kubernetesMount, Role: o.kubernetesRole, JWTFile: o.kubernetes}
	}
	if a.TokenFile == "" && a.AppRole == nil && a.Kubernetes == nil {
		a.Token = vault.NewValue(env("VAULT_TOKEN"))
	}
	return a
}

func (o options) rest() (*rest.Config, error) {
	if o.kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("not in a Pod (%w): name a --kubeconfig", err)
		}
		return config, nil
	}
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: o.kubeconfig}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.context}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("--kubeconfig: %w", err)
	}
	return config, nil
}
