package evidence

import "time"

// Silence mutes alarms in Alertmanager (step 13).
type Silence struct {
	ID           string
	Matchers     []string // such as cluster="orbit-prod", sorted
	Starts, Ends time.Time
	Owner        string // who created it: our mark
	Comment      string
}
