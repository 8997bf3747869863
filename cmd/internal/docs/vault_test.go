package docs_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"

	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/evidence"
	"cutover/reconciler/remote/vault"
)

var hcl = regexp.MustCompile("(?ms)^```hcl\n(.*?)^```$")

// TestVaultPolicies: the policies of the page are enough to look at the secrets, to copy them, and to copy them again.
func TestVaultPolicies(t *testing.T) {
	policies := hcl.FindAllStringSubmatch(read(t, recoveryPage), -1)
	if len(policies) != 2 {
		t.Fatalf("%s has %d policies, want those of version 2 and 1", recoveryPage, len(policies))
	}
	l := labtest.Get(t)
	admin, err := api.NewClient(&api.Config{Address: l.Vault.Address})
	if err != nil {
		t.Fatal(err)
	}
	admin.SetToken(l.Vault.Token)
	do := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, version := range []string{"2", "1"} {
		t.Run("version "+version, func(t *testing.T) {
			ctx, mount := t.Context(), labtest.Unique(t)
			do(t, admin.Sys().MountWithContext(ctx, mount, &api.MountInput{Type: "kv", Options: map[string]string{"version": version}}))
			do(t, admin.Sys().EnableAuthWithOptionsWithContext(ctx, mount, &api.EnableAuthOptions{Type: "approle"}))
			rules := strings.NewReplacer("k8s-secret/", mount+"/", "kubernetes-prod2", mount).Replace(policies[i][1])
			do(t, admin.Sys().PutPolicyWithContext(ctx, mount, rules))
			role := "auth/" + mount + "/role/secret-sync"
			_, err := admin.Logical().WriteWithContext(ctx, role, map[string]any{"token_policies": mount})
			do(t, err)
			put := func(value string) {
				path, data := mount+"/orbit-prod/core/deep/api", map[string]any{"password": value}
				if version == "2" {
					path, data = mount+"/data/orbit-prod/core/deep/api", map[string]any{"data": data}
				}
				_, err := admin.Logical().WriteWithContext(ctx, path, data)
				do(t, err)
			}
			put("first")
			token, err := admin.Auth().Token().CreateWithContext(ctx, &api.TokenCreateRequest{Policies: []string{mount}})
			do(t, err)
			config := vault.Config{Address: l.Vault.Address, Auth: vault.Auth{Token: vault.NewValue(token.Auth.ClientToken)}}
			if version == "2" {
				config.SyncRoles = []string{role}
			}
			c, err := vault.New(config)
			do(t, err)
			tree := evidence.SecretTree{From: mount + "/orbit-prod", To: mount + "/orbit-prod2", Overwrite: true}
			for _, value := range []string{"first", "second"} {
				put(value)
				seen, err := c.Compare(ctx, tree)
				do(t, err)
				if seen.Denied != "" || len(seen.Different) != 1 {
					t.Fatalf("before the copy: %+v", seen)
				}
				do(t, c.Copy(ctx, tree, []string{seen.Different[0].Path}))
				if seen, err = c.Compare(ctx, tree); err != nil || seen.Denied != "" || len(seen.Different) != 0 {
					t.Fatalf("after the copy: %+v, %v", seen, err)
				}
			}
		})
	}
}
