package labtest

// Edge is a fleet of HAProxy processes in front of two small HTTP servers, one that stands for each cluster. The lab's
// own fleet is for the demo and for who has the lab alone; NewEdge makes one for a test.
type Edge struct {
	Backend   string              `json:"backend"` // the backend that splits the traffic
	From      string              `json:"from"`    // its server that stands for the old cluster
	To        string              `json:"to"`      // its server that stands for the new cluster
	Proxies   []Proxy             `json:"proxies"`
	Upstreams map[string]Upstream `json:"upstreams"` // by cluster: Old and New
	// Metrics is the URL of one page with the request counters of both upstreams, and of those of every fleet that is
	// made later, in Prometheus' text format: http_requests_total{cluster,code}.
	Metrics string `json:"metrics"`
	// Control is the URL of the fleet at the lab's control server, without a trailing slash.
	Control string `json:"control"`
}

// Proxy is one HAProxy.
type Proxy struct {
	Name     string `json:"name"`
	Frontend string `json:"frontend"` // URL, without a trailing slash
	Admin    string `json:"admin"`    // HOST:PORT of the stats socket, level admin
	Control  string `json:"control"`  // URL; POST to /reload, /stop or /start below it
}

// Upstream is the HTTP server that stands for one cluster.
type Upstream struct {
	Cluster string `json:"cluster"` // its header X-Cluster and the label of its counters, such as orbit-prod
	URL     string `json:"url"`     // without a trailing slash; /metrics below it are its own counters
	Control string `json:"control"` // URL; PUT sets what goes wrong, GET reads it and the counters
}
