package main

import (
	"context"

	kubeauth "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/helper/namespace"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
)

// registry is Vault's list of built-in plugins, cut down to those that the lab mounts.
type registry struct{}

func (registry) Get(name string, kind consts.PluginType) (func() (any, error), bool) {
	switch {
	case kind == consts.PluginTypeSecrets && name == "kv":
		return func() (any, error) { return logical.Factory(kv.Factory), nil }, true
	case kind == consts.PluginTypeCredential && name == "approle":
		return func() (any, error) { return logical.Factory(approle.Factory), nil }, true
	case kind == consts.PluginTypeCredential && name == "kubernetes":
		return func() (any, error) { return logical.Factory(kubeauth.Factory), nil }, true
	}
	return nil, false
}

func (r registry) Contains(name string, kind consts.PluginType) bool {
	_, ok := r.Get(name, kind)
	return ok
}

func (registry) Keys(kind consts.PluginType) []string {
	switch kind {
	case consts.PluginTypeSecrets:
		return []string{"kv"}
	case consts.PluginTypeCredential:
		return []string{"approle", "kubernetes"}
	}
	return nil
}

func (registry) DeprecationStatus(string, consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, true
}

// rootContext is ctx in Vault's root namespace, which its core demands of every request.
func rootContext(ctx context.Context) context.Context {
	return namespace.RootContext(ctx)
}
