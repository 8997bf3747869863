package vault_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"cutover/reconciler/contract"
	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/evidence"
	"cutover/reconciler/remote/vault"
)

var _ contract.SecretStore = (*vault.Client)(nil)

// TestContract runs the contract on Vault's own engines.
func TestContract(t *testing.T) {
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprint("kv version ", version), func(t *testing.T) {
			l := newLab(t)
			mount := l.mount(t, version)
			contract.Secrets(t, func(t *testing.T) contract.SecretPlace { return l.place(t, mount, version) })
		})
	}
}

// lab is Vault and a client of it that may do everything.
type lab struct {
	access labtest.Vault
	admin  *api.Client
}

func newLab(t *testing.T) lab {
	t.Helper()
	access := labtest.Get(t).Vault
	admin, err := api.NewClient(&api.Config{Address: access.Address})
	if err != nil {
		t.Fatal(err)
	}
	admin.SetToken(access.Token)
	return lab{access, admin}
}

// mount mounts an engine of the test's own, at a path with a slash in it.
func (l lab) mount(t *testing.T, version int) string {
	t.Helper()
	mount := "team/" + labtest.Unique(t)
	err := l.admin.Sys().MountWithContext(t.Context(), mount, &api.MountInput{Type: "kv", Options: map[string]string{"version": fmt.Sprint(version)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := l.admin.Sys().UnmountWithContext(ctx, mount); err != nil {
			t.Error(err)
		}
	})
	if version == 2 {
		// The engine answers 400 while it prepares its storage.
		deadline := time.Now().Add(30 * time.Second)
		for {
			_, err := l.admin.Logical().ReadWithContext(t.Context(), mount+"/config")
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return mount
}

func (l lab) config() vault.Config {
	return vault.Config{Address: l.access.Address, Auth: vault.Auth{Token: vault.NewValue(l.access.Token)}}
}

func open(t *testing.T, c vault.Config) *vault.Client {
	t.Helper()
	client, err := vault.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func (l lab) place(t *testing.T, mount string, version int) contract.SecretPlace {
	t.Helper()
	root := mount + "/" + labtest.Unique(t)
	p := contract.SecretPlace{Store: open(t, l.config()), From: root + "/orbit-prod", To: root + "/orbit-prod2"}
	if version == 1 {
		l.hooksV1(&p)
	} else {
		l.hooksV2(&p, mount)
	}
	return p
}

func (l lab) put(t *testing.T, path string, data map[string]any) {
	t.Helper()
	if _, err := l.admin.Logical().WriteWithContext(t.Context(), path, data); err != nil {
		t.Fatal(err)
	}
}

func (l lab) get(t *testing.T, path string) map[string]any {
	t.Helper()
	s, err := l.admin.Logical().ReadWithContext(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if s == nil {
		return nil
	}
	return s.Data
}

func (l lab) hooksV1(p *contract.SecretPlace) {
	p.Seed = func(t *testing.T, root, path string, data map[string]any) { l.put(t, root+"/"+path, data) }
	p.Held = func(t *testing.T, root, path string) map[string]any { return l.get(t, root+"/"+path) }
	p.Delete = func(t *testing.T, root, path string) {
		if _, err := l.admin.Logical().DeleteWithContext(t.Context(), root+"/"+path); err != nil {
			t.Fatal(err)
		}
	}
	to := p.To
	p.Kept = func(t *testing.T, path string) (kept []map[string]any) {
		folder := to + ".cutover-kept/" + path
		s, err := l.admin.Logical().ListWithContext(t.Context(), folder)
		if err != nil {
			t.Fatal(err)
		}
		if s == nil {
			return nil
		}
		names := s.Data["keys"].([]any)
		slices.SortFunc(names, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
		for _, name := range names {
			kept = append(kept, l.get(t, folder+"/"+name.(string)))
		}
		return kept
	}
}

// at puts a part of version 2's paths behind the mount.
func at(mount, part, root, path string) string {
	return mount + "/" + part + strings.TrimPrefix(root, mount) + "/" + path
}

func (l lab) hooksV2(p *contract.SecretPlace, mount string) {
	p.Seed = func(t *testing.T, root, path string, data map[string]any) {
		l.put(t, at(mount, "data", root, path), map[string]any{"data": data})
	}
	held := func(t *testing.T, root, path string, version int) map[string]any {
		s, err := l.admin.Logical().ReadWithDataWithContext(t.Context(), at(mount, "data", root, path), map[string][]string{"version": {fmt.Sprint(version)}})
		if err != nil {
			t.Fatal(err)
		}
		if s == nil {
			return nil
		}
		data, _ := s.Data["data"].(map[string]any)
		return data
	}
	p.Held = func(t *testing.T, root, path string) map[string]any { return held(t, root, path, 0) }
	p.Delete = func(t *testing.T, root, path string) {
		if _, err := l.admin.Logical().DeleteWithContext(t.Context(), at(mount, "data", root, path)); err != nil {
			t.Fatal(err)
		}
	}
	to := p.To
	p.Kept = func(t *testing.T, path string) (kept []map[string]any) {
		versions, _ := l.get(t, at(mount, "metadata", to, path))["versions"].(map[string]any)
		for version := 1; version < len(versions); version++ {
			kept = append(kept, held(t, to, path, version))
		}
		return kept
	}
}

// policy writes a policy and gives a token that has it and no other.
func (l lab) token(t *testing.T, ttl, rules string) string {
	t.Helper()
	name := labtest.Unique(t)
	if err := l.admin.Sys().PutPolicyWithContext(t.Context(), name, rules); err != nil {
		t.Fatal(err)
	}
	s, err := l.admin.Auth().Token().CreateWithContext(t.Context(), &api.TokenCreateRequest{Policies: []string{name}, TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	return s.Auth.ClientToken
}

// differences compares and fails the test unless that is possible.
func differences(t *testing.T, c *vault.Client, tree evidence.SecretTree) []evidence.SecretDifference {
	t.Helper()
	got, err := c.Compare(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	if got.Denied != "" {
		t.Fatal(got.Denied)
	}
	return got.Different
}
