package lab

import (
	"bytes"
	"fmt"
	"strings"
	"text/tabwriter"

	"cutover/reconciler/contract/labtest"
)

// Describe says for people where the servers are and how to look at them. The log-ins in it are worth nothing outside
// this machine and this run.
func (l *Lab) Describe() string {
	d := l.description
	var text bytes.Buffer
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	row := func(server, address, look string) { fmt.Fprintf(table, "%s\t%s\t%s\n", server, address, look) }
	row("SERVER", "ADDRESS", "HOW TO LOOK")
	for _, name := range []string{labtest.Old, labtest.New} {
		c := d.Clusters[name]
		row("cluster "+name, c.Server, "kubectl --kubeconfig "+c.Kubeconfig+" get pods -A")
	}
	row("git", d.Git.URL, fmt.Sprintf("in a browser, as %s with password %s", d.Git.Username, d.Git.Password))
	row("vault", d.Vault.Address, fmt.Sprintf("VAULT_ADDR=%s VAULT_TOKEN=%s vault kv list %s", d.Vault.Address, d.Vault.Token, secretsMount))
	row("gate", d.Gate.URL, "curl "+d.Gate.URL+"/applications")
	row("alertmanager", d.Alertmanager.URL, "in a browser")
	row("prometheus", d.Prometheus.URL, "in a browser")
	row("aws", d.AWS.URL, fmt.Sprintf("AWS_ENDPOINT_URL=%s AWS_REGION=%s AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s aws iam list-roles",
		d.AWS.URL, d.AWS.Region, d.AWS.AccessKeyID, d.AWS.SecretAccessKey))
	for _, p := range d.Edge.Proxies {
		row("proxy "+p.Name, p.Frontend, fmt.Sprintf("curl -i %s; echo show stat | nc %s", p.Frontend, strings.Replace(p.Admin, ":", " ", 1)))
	}
	row("logs", l.logs(), "tail -f "+l.logs()+"/*.log")
	_ = table.Flush() // into memory
	return text.String()
}
