package estate

import "strings"

// ServiceOf tells to which service of which product a path of the values repository belongs, which lies below
// deploy-values/<product>/<namespace>/<service>/. It is false for any other path. A name that is none is zero.
func ServiceOf(path string) (ServiceID, bool) {
	part := strings.Split(path, "/")
	if len(part) < 5 || part[0] != "deploy-values" {
		return ServiceID{}, false
	}
	var id ServiceID
	id.Product, _ = ParseProductName(part[1])
	id.Namespace, _ = ParseNamespaceName(part[2])
	id.Name, _ = ParseServiceName(part[3])
	return id, true
}
