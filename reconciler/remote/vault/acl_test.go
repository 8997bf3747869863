package vault

import (
	"slices"
	"testing"

	"github.com/hashicorp/vault/api"

	"cutover/reconciler/contract/labtest"
)

// policies are what people write, each together with the ones before it in its list.
var policies = map[string][]string{
	"nothing":                    {``},
	"one path":                   {`path "kv/data/orbit/core/api" { capabilities = ["read"] }`},
	"a folder":                   {`path "kv/data/orbit/*" { capabilities = ["read"] } path "kv/metadata/orbit/*" { capabilities = ["list"] }`},
	"a folder without its slash": {`path "kv/metadata/orbit" { capabilities = ["list"] }`},
	"a begin of a name":          {`path "kv/data/orbit/co*" { capabilities = ["read"] }`},
	"one part":                   {`path "kv/data/+/core/api" { capabilities = ["read"] }`},
	"one part, and any rest":     {`path "+/data/orbit/+/a*" { capabilities = ["read"] }`},
	"everything":                 {`path "*" { capabilities = ["read", "list"] }`},
	"the longest counts":         {`path "kv/*" { capabilities = ["read"] } path "kv/data/orbit/core/*" { capabilities = ["list"] }`},
	"a star or a part":           {`path "kv/data/*" { capabilities = ["read"] } path "kv/data/+/core/api" { capabilities = ["list"] }`},
	"parts at two places":        {`path "kv/+/orbit/core/api" { capabilities = ["read"] } path "kv/data/orbit/core/+" { capabilities = ["list"] }`},
	"more parts":                 {`path "kv/+/+/core/api" { capabilities = ["read"] } path "kv/+/orbit/core/api" { capabilities = ["list"] }`},
	"parts and a longer begin":   {`path "kv/+/orbit/c*" { capabilities = ["read"] } path "kv/+/orbit/co*" { capabilities = ["list"] }`},
	"a deny":                     {`path "kv/*" { capabilities = ["read", "list"] } path "kv/data/orbit/core/*" { capabilities = ["deny"] }`},
	"a deny of another policy":   {`path "kv/data/orbit/*" { capabilities = ["read"] }`, `path "kv/data/orbit/*" { capabilities = ["deny"] }`},
	"two policies":               {`path "kv/data/orbit/*" { capabilities = ["read"] }`, `path "kv/data/orbit/*" { capabilities = ["list"] }`},
	"as JSON":                    {`{"path": {"kv/data/orbit/*": {"capabilities": ["read"]}, "kv/metadata/*": {"capabilities": ["list"]}}}`},
	"the older words":            {`path "kv/data/*" { policy = "read" } path "kv/metadata/*" { policy = "deny" }`},
}

var askedOf = []string{"kv/data/orbit/core/api", "kv/data/orbit/core", "kv/data/orbit/web/api", "kv/metadata/orbit/", "kv/metadata/orbit/core/", "other/data/orbit/core/api"}

// TestACL holds what we make of policies against what Vault itself says of a token that has them.
func TestACL(t *testing.T) {
	access := labtest.Get(t).Vault
	admin, err := api.NewClient(&api.Config{Address: access.Address})
	if err != nil {
		t.Fatal(err)
	}
	admin.SetToken(access.Token)
	for name, texts := range policies {
		t.Run(name, func(t *testing.T) {
			var ours acl
			var names []string
			for _, text := range texts {
				if err := ours.add(text); err != nil {
					t.Fatal(err)
				}
				names = append(names, labtest.Unique(t))
				if text == "" {
					text = "# nothing"
				}
				if err := admin.Sys().PutPolicyWithContext(t.Context(), names[len(names)-1], text); err != nil {
					t.Fatal(err)
				}
			}
			token, err := admin.Auth().Token().CreateWithContext(t.Context(), &api.TokenCreateRequest{Policies: names, NoDefaultPolicy: true, TTL: "10m"})
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range askedOf {
				theirs, err := admin.Sys().CapabilitiesWithContext(t.Context(), token.Auth.ClientToken, path)
				if err != nil {
					t.Fatal(err)
				}
				for _, capability := range []string{"read", "list"} {
					if got, want := ours.allows(path, capability), slices.Contains(theirs, capability); got != want {
						t.Errorf("%s on %s: %t, and Vault says %v", capability, path, got, theirs)
					}
				}
			}
		})
	}
}

// TestTemplated: what depends on who logs in is told, and nothing else.
func TestTemplated(t *testing.T) {
	var a acl
	if err := a.add(`path "kv/data/{{identity.entity.name}}/*" { capabilities = ["read"] }`); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"kv/data/orbit/core/api": true, "kv/metadata/orbit/": false} {
		if got := a.mayDepend(path); got != want || a.allows(path, "read") {
			t.Errorf("%s depends on who logs in: %t, want %t", path, got, want)
		}
	}
	if a.add("path") == nil {
		t.Error("half a policy is taken for one")
	}
}
