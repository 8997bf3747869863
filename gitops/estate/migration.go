package estate

import "time"

// Migration is the specification of one migration: the content of migrations/<name>/migration.yaml, and the
// marker that stands beside it.
type Migration struct {
	Name    MigrationName
	Path    string // its directory in the values repository
	Product ProductName
	From    Side
	To      Side
	Branch  string // the branch that is the truth for the new cluster

	Infrastructure []Release     // step 1
	Rewrite        []Rewrite     // step 3
	Trust          Trust         // step 4
	Parallel       int           // steps 6 and 10: how many services are deployed at once
	Smoke          []Smoke       // steps 7 and 12
	Alarms         Alarms        // steps 13 and 18
	Edge           Edge          // steps 14 and 15
	DNS            []DNS         // step 16
	Singletons     []Link        // steps 11 and 17
	Exclusive      []ServiceName // step 19: these first, in this order; the rest follow by name
	Swap           [2]string     // step 20: the two Spinnaker accounts
	Cleanup        Removal       // step 22

	Marker Marker // zero if the migration has no phase.yaml
	// Listed are the services that stacks.yaml names, whether or not they still exist; sorted.
	Listed []ServiceID
	// Opened are the exceptions from the freeze that break-glass.yaml names, sorted by service.
	Opened []BreakGlass
}

// Release is an infrastructure chart that has to run in the new cluster before anything is deployed there.
type Release struct {
	Namespace NamespaceName
	Name      string // of the Helm release
}

// BreakGlass lets one service be deployed to the old cluster during the freeze.
type BreakGlass struct {
	Service ServiceName
	By      string // who asked for it
	Reason  string
	Until   time.Time
}

// Side is one end of a migration.
type Side struct {
	Stack   StackName
	Cluster ClusterName
}

// Rewrite changes one place of a values file on its way from the old stack to the new one. Exactly one of
// Suffix, Prefix and Value says what is replaced.
type Rewrite struct {
	// Path leads to the values: keys separated by dots, [*] for every element of a list, * for every key.
	// A key that holds a dot is quoted: env."a.b".value.
	Path   string
	Suffix string // replaced at the end of a string
	Prefix string // replaced at the start of a string
	Value  string // replaced when it is the whole string
	With   string
}

// Trust is what the new cluster's nodes need of IAM.
type Trust struct {
	Principal string   // ARN of the new nodes' role
	Roles     []string // names of the roles that must trust it
}

// Smoke is one test of the new cluster. Exactly one of HTTP, Job and Approval is set.
type Smoke struct {
	Name     string
	HTTP     *SmokeHTTP
	Job      *SmokeJob
	Approval string // the sentence that a person approves
}

// SmokeHTTP is a request and the status that it must answer with.
type SmokeHTTP struct {
	URL    string
	Status int
}

// SmokeJob is a Kubernetes Job of the new cluster, made from a suspended CronJob that must succeed.
type SmokeJob struct {
	Namespace NamespaceName
	CronJob   string
}

// Alarms are the alarms tied to the old cluster's metrics.
type Alarms struct {
	Matchers []string      // Alertmanager matchers, such as cluster="orbit-prod"
	AtMost   time.Duration // the longest silence
}

// Edge is the fleet of proxies that splits the traffic between the two clusters.
type Edge struct {
	Proxies  []string // names; their addresses are in the daemon's configuration
	Backend  string
	From, To string // the backend's two servers
	// Auto lets a marker name any later weight: those between are baked one after the other.
	Auto     bool
	Steps    []EdgeStep
	Analysis []Analysis
}

// EdgeStep is one weight of the canary.
type EdgeStep struct {
	Weight int // percent of traffic to the new cluster, 1 to 100
	Bake   time.Duration
}

// Analysis is a check that each weight must pass while it bakes.
type Analysis struct {
	Name    string
	Query   string // PromQL; $cluster stands for the cluster's name
	AtMost  *float64
	AtLeast *float64
	Samples *Samples
}

// Samples says how much must have been measured before a verdict counts.
type Samples struct {
	Query   string
	AtLeast float64
}

// DNS is a record that clients use to reach a service directly.
type DNS struct {
	Zone, Name, Type string
	From, To         string // expected target before, and after
}

// Link is a singleton, the services that talk to it, and the Secret that tells them where it is.
type Link struct {
	Service ServiceName
	Clients []ServiceName
	Address Address
}

// Address is a key of a Secret that holds a singleton's address.
type Address struct {
	Secret, Key string
	From, To    string // address in the old cluster, and in the new one
}

// Removal is how the old cluster ends.
type Removal struct {
	After   time.Duration
	Destroy string // name of a command in the daemon's configuration
}

// StacksPath is the generated file that lists the services of the new stack.
func (m *Migration) StacksPath() string { return m.Path + "/stacks.yaml" }

// VersionsPath is the generated file that pins each service's image version.
func (m *Migration) VersionsPath() string { return m.Path + "/versions.yaml" }

// BreakGlassPath is the file that names the exceptions from the freeze.
func (m *Migration) BreakGlassPath() string { return m.Path + "/break-glass.yaml" }

// MarkerPath is the file that says where the migration should stand.
func (m *Migration) MarkerPath() string { return m.Path + "/phase.yaml" }
