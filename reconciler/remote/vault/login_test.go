package vault_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/evidence"
	"cutover/reconciler/failure"
	"cutover/reconciler/remote/vault"
)

// everything are the rules that copying below two roots of an engine of version 2 needs.
func everything(mount string, roots ...string) string {
	rules := fmt.Sprintf("path \"%s/config\" { capabilities = [\"read\"] }\n", mount)
	for _, root := range roots {
		in := strings.TrimPrefix(root, mount+"/")
		rules += fmt.Sprintf(`
			path "%[1]s/data/%[2]s/*" { capabilities = ["create", "read", "update"] }
			path "%[1]s/metadata/%[2]s/*" { capabilities = ["create", "read", "update", "list"] }`, mount, in)
	}
	return rules
}

// TestDenied: what the policies lack is said in a sentence, and nothing is compared.
func TestDenied(t *testing.T) {
	l := newLab(t)
	mount := l.mount(t, 2)
	p := l.place(t, mount, 2)
	p.Seed(t, p.From, "core/api", map[string]any{"k": "1"})
	p.Seed(t, p.From, "data/db", map[string]any{"k": "1"})
	tree := evidence.SecretTree{From: p.From, To: p.To, Overwrite: true}
	from, to := strings.TrimPrefix(p.From, mount+"/"), strings.TrimPrefix(p.To, mount+"/")
	all := everything(mount, p.From, p.To)
	rule := func(path, capabilities string) string {
		return fmt.Sprintf("\npath %q { capabilities = [%s] }", mount+"/"+path, capabilities)
	}
	for name, test := range map[string]struct{ rules, want string }{
		"all is there":                    {all, ""},
		"nothing of the engine":           {`path "sys/none" { capabilities = ["read"] }`, "no policy of the token reaches into it"},
		"the original cannot be listed":   {everything(mount, p.To), "lack list on " + mount + "/metadata/" + from + "/"},
		"the copy cannot be listed":       {everything(mount, p.From), "lack list on " + mount + "/metadata/" + to + "/"},
		"an original cannot be read":      {all + rule("data/"+from+"/data/*", `"list"`), "lack read on " + mount + "/data/" + from + "/data/db"},
		"settings cannot be read":         {all + rule("metadata/"+from+"/core/*", `"list"`), "lack read on " + mount + "/metadata/" + from + "/core/api"},
		"a copy cannot be written":        {all + rule("data/"+to+"/core/*", `"read"`), "lack create, update on " + mount + "/data/" + to + "/core/api"},
		"settings cannot be written":      {all + rule("metadata/"+to+"/core/*", `"read", "list"`), "lack create, update on " + mount + "/metadata/" + to + "/core/api"},
		"the configuration is not known":  {strings.Replace(all, `"read"`, `"list"`, 1), "lack read on " + mount + "/config"},
		"a folder below cannot be listed": {all + rule("metadata/"+from+"/core/", `"deny"`), "permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			config := l.config()
			config.Auth = vault.Auth{Token: vault.NewValue(l.token(t, "10m", test.rules))}
			got, err := open(t, config).Compare(t.Context(), tree)
			if err != nil {
				t.Fatal(err)
			}
			if got.Denied == "" && test.want != "" || !strings.Contains(got.Denied, test.want) {
				t.Errorf("denied = %q, want one that says %q", got.Denied, test.want)
			}
			if test.want != "" && len(got.Different) > 0 {
				t.Errorf("and yet it compared: %v", got.Different)
			}
		})
	}
}

// TestSyncRoles: the roles by which secret-sync will read the copy are looked at before anything is copied.
func TestSyncRoles(t *testing.T) {
	l := newLab(t)
	mount := l.mount(t, 2)
	p := l.place(t, mount, 2)
	p.Seed(t, p.From, "core/api", map[string]any{"k": "1"})
	policy := func(rules string) string {
		name := labtest.Unique(t)
		if err := l.admin.Sys().PutPolicyWithContext(t.Context(), name, rules); err != nil {
			t.Fatal(err)
		}
		return name
	}
	in := strings.TrimPrefix(p.To, mount+"/")
	reads := policy(fmt.Sprintf(`path "%[1]s/data/%[2]s/*" { capabilities = ["read"] }`, mount, in))
	lists := policy(fmt.Sprintf(`path "%[1]s/metadata/%[2]s/*" { capabilities = ["list"] }`, mount, in))
	other := policy(everything(mount, p.From))
	of := func(policies ...string) appRole { return l.appRole(t, map[string]any{"token_policies": policies}) }
	role := of("default", lists, reads)
	noPolicy := l.appRole(t, nil)
	badPolicy := l.appRole(t, map[string]any{"token_policies": []string{"none-such"}})
	for path, want := range map[string]string{
		role.path:                            "",
		noPolicy.path:                        "has no policies",
		badPolicy.path:                       "policy none-such of the role",
		of("default").path:                   "lack list on " + mount + "/metadata/" + in + "/",
		of(lists).path:                       "lack read on " + mount + "/data/" + in + "/core/api",
		of(reads, other).path:                "lack list on " + mount + "/metadata/" + in + "/",
		role.path + "x":                      "does not exist",
		"auth/none-such/role/secret-sync":    "does not exist",
		"auth/token/role/secret-sync-missed": "does not exist",
	} {
		config := l.config()
		config.SyncRoles = []string{path}
		got, err := open(t, config).Compare(t.Context(), evidence.SecretTree{From: p.From, To: p.To, Overwrite: true})
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if got.Denied == "" && want != "" || !strings.Contains(got.Denied, want) {
			t.Errorf("%s: denied = %q, want one that says %q", path, got.Denied, want)
		}
	}
}

type appRole struct{ mount, path, id, secret string }

// appRole mounts AppRole for the test and makes a role with a secret id.
func (l lab) appRole(t *testing.T, settings map[string]any) appRole {
	t.Helper()
	r := appRole{mount: labtest.Unique(t)}
	if err := l.admin.Sys().EnableAuthWithOptionsWithContext(t.Context(), r.mount, &api.EnableAuthOptions{Type: "approle"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.admin.Sys().DisableAuth(r.mount); err != nil {
			t.Error(err)
		}
	})
	r.path = "auth/" + r.mount + "/role/secret-sync"
	if settings == nil {
		settings = map[string]any{"bind_secret_id": true}
	}
	l.put(t, r.path, settings)
	r.id = l.get(t, r.path+"/role-id")["role_id"].(string)
	s, err := l.admin.Logical().WriteWithContext(t.Context(), r.path+"/secret-id", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.secret = s.Data["secret_id"].(string)
	return r
}

// write writes a file of the test's own.
func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestLogin: each way to log in reads what its policies let it read.
func TestLogin(t *testing.T) {
	l := newLab(t)
	mount := l.mount(t, 2)
	p := l.place(t, mount, 2)
	p.Seed(t, p.From, "core/api", map[string]any{"k": "1"})
	policy := labtest.Unique(t)
	if err := l.admin.Sys().PutPolicyWithContext(t.Context(), policy, everything(mount, p.From)); err != nil {
		t.Fatal(err)
	}
	role := l.appRole(t, map[string]any{"token_policies": []string{policy}, "token_ttl": "1h"})
	for name, test := range map[string]struct {
		auth vault.Auth
		kind error
		text string
	}{
		"token":           {vault.Auth{Token: vault.NewValue(l.token(t, "1h", everything(mount, p.From)))}, nil, ""},
		"token file":      {vault.Auth{TokenFile: write(t, l.token(t, "1h", everything(mount, p.From))+"\n")}, nil, ""},
		"AppRole":         {vault.Auth{AppRole: &vault.AppRole{Mount: role.mount, RoleID: role.id, SecretID: vault.NewValue(role.secret)}}, nil, ""},
		"AppRole by file": {vault.Auth{AppRole: &vault.AppRole{Mount: role.mount, RoleID: role.id, SecretIDFile: write(t, role.secret)}}, nil, ""},
		"wrong token":     {vault.Auth{Token: vault.NewValue("planted")}, failure.ErrRefused, "permission denied"},
		"wrong secret id": {vault.Auth{AppRole: &vault.AppRole{Mount: role.mount, RoleID: role.id, SecretID: vault.NewValue("planted")}}, nil, "log in to Vault: auth/" + role.mount + "/login"},
		"no such method":  {vault.Auth{Kubernetes: &vault.Kubernetes{Mount: "none-such", Role: "r", JWTFile: write(t, "planted")}}, failure.ErrRefused, "log in to Vault: auth/none-such/login"},
		"empty file":      {vault.Auth{TokenFile: write(t, " \n")}, nil, "is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			config := l.config()
			config.Auth = test.auth
			tree, err := open(t, config).Read(t.Context(), p.From)
			switch {
			case test.text == "":
				if err != nil || len(tree) != 1 {
					t.Errorf("read %d secrets, %v", len(tree), err)
				}
			case err == nil || !strings.Contains(err.Error(), test.text) || strings.Contains(err.Error(), "planted"):
				t.Errorf("error is %v, want one that says %q", err, test.text)
			case test.kind != nil:
				wantError(t, err, test.kind, test.text)
			}
		})
	}
}

// TestRenewal: a token that lives for a second serves for many, and one that ends for good is replaced by logging in.
func TestRenewal(t *testing.T) {
	l := newLab(t)
	mount := l.mount(t, 2)
	p := l.place(t, mount, 2)
	p.Seed(t, p.From, "core/api", map[string]any{"k": "1"})
	policy := labtest.Unique(t)
	if err := l.admin.Sys().PutPolicyWithContext(t.Context(), policy, everything(mount, p.From)); err != nil {
		t.Fatal(err)
	}
	role := l.appRole(t, map[string]any{"token_policies": []string{policy}, "token_ttl": "1s", "token_max_ttl": "2s"})
	config := l.config()
	config.Auth = vault.Auth{AppRole: &vault.AppRole{Mount: role.mount, RoleID: role.id, SecretID: vault.NewValue(role.secret)}}
	c := open(t, config)
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, err := c.Read(t.Context(), p.From); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("a token that is revoked is replaced at once", func(t *testing.T) {
		tokens := []string{l.token(t, "1h", everything(mount, p.From)), l.token(t, "1h", everything(mount, p.From))}
		config.Auth = vault.Auth{TokenFile: write(t, tokens[0])}
		c := open(t, config)
		if _, err := c.Read(t.Context(), p.From); err != nil {
			t.Fatal(err)
		}
		if err := l.admin.Auth().Token().RevokeTree(tokens[0]); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(config.Auth.TokenFile, []byte(tokens[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(t.Context(), p.From); err != nil {
			t.Error(err)
		}
	})
}

// TestManySecrets: a thousand secrets are compared and copied in seconds.
func TestManySecrets(t *testing.T) {
	l := newLab(t)
	p := l.place(t, l.mount(t, 2), 2)
	c := open(t, l.config())
	var paths []string
	for i := range 1000 {
		paths = append(paths, fmt.Sprintf("ns%d/secret-%d", i%10, i))
		p.Seed(t, p.From, paths[i], map[string]any{"user": "u", "password": fmt.Sprint("p", i)})
	}
	tree := evidence.SecretTree{From: p.From, To: p.To, Overwrite: true}
	begun := time.Now()
	if n := len(differences(t, c, tree)); n != 2000 {
		t.Errorf("%d differences, want 2000", n)
	}
	compared := time.Since(begun)
	if err := c.Copy(t.Context(), tree, paths); err != nil {
		t.Fatal(err)
	}
	copied := time.Since(begun) - compared
	if n := len(differences(t, c, tree)); n != 0 {
		t.Errorf("%d differences, want none", n)
	}
	t.Logf("first comparison %s, copy %s, second comparison %s", compared, copied, time.Since(begun)-compared-copied)
	if compared > 30*time.Second {
		t.Errorf("the comparison took %s", compared)
	}
}
