package iam

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/uuid"

	"cutover/reconciler/contract"
	"cutover/reconciler/contract/labtest"
	"cutover/reconciler/failure"
)

// open gives a client of the lab's IAM, by way of the endpoint if one is given. Credentials come from the environment, as
// they do in production.
func open(t *testing.T, endpoint string) *Client {
	t.Helper()
	lab := labtest.Get(t).AWS
	t.Setenv("AWS_ACCESS_KEY_ID", lab.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", lab.SecretAccessKey)
	t.Setenv("AWS_REGION", lab.Region)
	if endpoint == "" {
		endpoint = lab.URL
	}
	c, err := New(t.Context(), Config{Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func create(t *testing.T, c *Client, name, text string) {
	t.Helper()
	if _, err := c.api.CreateRole(t.Context(), &api.CreateRoleInput{RoleName: aws.String(name), AssumeRolePolicyDocument: aws.String(text)}); err != nil {
		t.Fatal(err)
	}
}

func document(t *testing.T, c *Client, name string) string {
	t.Helper()
	text, err := c.document(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func set(t *testing.T, c *Client, name, text string) {
	t.Helper()
	if err := c.setDocument(t.Context(), name, text); err != nil {
		t.Fatal(err)
	}
}

func TestContract(t *testing.T) {
	contract.Roles(t, func(t *testing.T) contract.RoleHost {
		c := open(t, "")
		return contract.RoleHost{
			Store: c,
			Create: func(t *testing.T, name string, principals ...string) {
				create(t, c, name, `{"Version":"2012-10-17","Statement":[`+allow(`{"AWS":["`+strings.Join(principals, `","`)+`"]}`)+`]}`)
			},
			Deny: func(t *testing.T, name, principal string) {
				deny := strings.Replace(allow(`{"AWS":"`+principal+`"}`), "Allow", "Deny", 1)
				set(t, c, name, strings.TrimSuffix(document(t, c, name), "]}")+","+deny+"]}")
			},
			Policy: func(t *testing.T, name string) string { return document(t, c, name) },
		}
	})
}

// The documents that people write stay as they wrote them, to the byte.
func TestUndo(t *testing.T) {
	theirs := allow(`{"AWS":"` + oldNodes + `"}`)
	for name, text := range map[string]string{
		"compact":       `{"Version":"2012-10-17","Statement":[` + theirs + `]}`,
		"one statement": `{"Version":"2012-10-17","Statement":` + theirs + `}`,
		"printed by a person, with plus signs and percents": "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Sid\": \"Nodes\",\n" +
			"      \"Principal\": {\"AWS\": \"" + oldNodes + "\"},\n      \"Action\": [ \"sts:AssumeRole\" ],\n      \"Effect\": \"Allow\",\n" +
			"      \"Condition\": {\"StringLike\": {\"sts:ExternalId\": \"a+b %2B & <c>\"}, \"NumericLessThan\": {\"aws:MultiFactorAuthAge\": \"3600\"}}\n    }\n  ]\n}\n",
		"conditions and services": `{"Statement":[{"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com","eks.amazonaws.com"]},"Action":"sts:AssumeRole"},` +
			`{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/example.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"example.com:aud":"x"}}}],"Version":"2012-10-17"}`,
	} {
		t.Run(name, func(t *testing.T) {
			c, role := open(t, ""), "undo-"+uuid.NewString()[:8]
			create(t, c, role, text)
			if err := c.Trust(t.Context(), role, newNodes); err != nil {
				t.Fatal(err)
			}
			if seen, err := c.Role(t.Context(), role, newNodes); err != nil || !seen.Trusts || seen.Problem != "" {
				t.Errorf("role = %+v, %v, want one that trusts", seen, err)
			}
			if err := c.Distrust(t.Context(), role, newNodes); err != nil {
				t.Fatal(err)
			}
			if got := document(t, c, role); got != text {
				t.Errorf("the policy was\n%s\nand is\n%s", text, got)
			}
		})
	}
}

func TestQuota(t *testing.T) {
	c, role := open(t, ""), "quota-"+uuid.NewString()[:8]
	long := `{"Version":"2012-10-17","Statement":[` + strings.Repeat(allow(`{"AWS":"`+oldNodes+`"}`)+",", 16) + allow(`{"AWS":"`+oldNodes+`"}`) + `]}`
	create(t, c, role, long)
	seen, err := c.Role(t.Context(), role, newNodes)
	if err != nil || !strings.Contains(seen.Problem, "the quota is 2048") || !strings.Contains(seen.Problem, "ask AWS for a higher") ||
		!strings.Contains(seen.Problem, "set aws.policyQuota") {
		t.Errorf("role = %+v, %v, want a problem with the quota of 2048, and both that are to be raised", seen, err)
	}
	wantError(t, c.Trust(t.Context(), role, newNodes), failure.ErrRefused)
	if got := document(t, c, role); got != long {
		t.Errorf("the policy is %s", got)
	}
	c.quota = 4096
	if err := c.Trust(t.Context(), role, newNodes); err != nil {
		t.Error(err)
	}
}

// between is a proxy in front of IAM that calls meanwhile before the request of that number, from 1, with that action is
// passed on.
func between(t *testing.T, action string, number int, meanwhile func()) string {
	t.Helper()
	target, err := url.Parse(labtest.Get(t).AWS.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	seen := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte("Action="+action+"&")) {
			if seen++; seen == number {
				meanwhile()
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Somebody else edits the policy while we do.
func TestConcurrentEdits(t *testing.T) {
	policyOf := func(statements ...string) string {
		return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
	}
	theirs, edit := allow(`{"AWS":"`+oldNodes+`"}`), allow(`{"Service":"ec2.amazonaws.com"}`)
	for name, test := range map[string]struct {
		action string
		number int
		kept   bool // their edit is in the policy in the end
	}{
		"before our second reading": {"GetRole", 2, true},
		"before our reading back":   {"GetRole", 3, true},
		// IAM has no compare-and-swap: nothing can see this one.
		"between our reading and our writing": {"UpdateAssumeRolePolicy", 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			direct, role := open(t, ""), "edits-"+uuid.NewString()[:8]
			create(t, direct, role, policyOf(theirs))
			c := open(t, between(t, test.action, test.number, func() { set(t, direct, role, policyOf(theirs, edit)) }))
			err := c.Trust(t.Context(), role, newNodes)
			if test.kept {
				wantError(t, err, failure.ErrConflict)
				if got := document(t, direct, role); got != policyOf(theirs, edit) {
					t.Errorf("their edit is lost: %s", got)
				}
			} else if err != nil {
				t.Error(err)
			}
			if err := c.Trust(t.Context(), role, newNodes); err != nil {
				t.Errorf("after they are done: %v", err)
			}
			if seen, err := direct.Role(t.Context(), role, newNodes); err != nil || !seen.Trusts {
				t.Errorf("role = %+v, %v, want one that trusts", seen, err)
			}
		})
	}
}

// A role that is deleted while we write it is not told as done.
func TestDeletedMeanwhile(t *testing.T) {
	direct, role := open(t, ""), "deleted-"+uuid.NewString()[:8]
	create(t, direct, role, `{"Version":"2012-10-17","Statement":[`+allow(`{"AWS":"`+oldNodes+`"}`)+`]}`)
	c := open(t, between(t, "UpdateAssumeRolePolicy", 1, func() {
		if _, err := direct.api.DeleteRole(t.Context(), &api.DeleteRoleInput{RoleName: aws.String(role)}); err != nil {
			t.Error(err)
		}
	}))
	wantError(t, c.Trust(t.Context(), role, newNodes), failure.ErrNotFound)
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error is %v, want one that is %v", err, want)
	}
}
