package phase

import (
	"fmt"
	"strconv"
	"strings"

	"cutover/gitops/estate"
)

// Correlation is the id that we give to a deployment, so that it can be found again before it is started a
// second time. Its text is "cutover.<service>.<digest>.<number>".
type Correlation struct {
	Service estate.ServiceName
	Digest  string // of the wanted objects, in hex
	Number  int    // counts our deployments of the service, from 1
}

func (c Correlation) String() string {
	return fmt.Sprintf("cutover.%s.%s.%d", c.Service, c.Digest, c.Number)
}

// ParseCorrelation reads a correlation id. It reports false for one that is not ours.
func ParseCorrelation(s string) (Correlation, bool) {
	parts := strings.Split(s, ".")
	if len(parts) != 4 || parts[0] != "cutover" || parts[2] == "" {
		return Correlation{}, false
	}
	service, err := estate.ParseServiceName(parts[1])
	if err != nil {
		return Correlation{}, false
	}
	number, err := strconv.Atoi(parts[3])
	if err != nil || number < 1 {
		return Correlation{}, false
	}
	return Correlation{service, parts[2], number}, true
}
