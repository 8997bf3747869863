package phase

import (
	"fmt"
	"strconv"
	"strings"

	"cutover/reconciler/evidence"
)

// What the survey asks for.
const (
	// minorsAhead is how many minor versions the new cluster may be ahead of the old one: as far as Kubernetes lets
	// its own components be apart (version skew policy). It may never be behind.
	minorsAhead = 3
	// readyShare is the share of the nodes that has to be ready, in percent.
	readyShare = 90
)

// survey is step 1: the new cluster is ready for what will come. It only looks.
func survey(s situation) Progress {
	v, cluster := s.e.Survey, s.m.To.Cluster
	if v.Unreachable != "" {
		return Progress{Total: 1, Waiting: because(ClusterUnreachable, "%s does not answer: %s", cluster, v.Unreachable)}
	}
	short := shortage(v.Free, v.Needed)
	checks := []struct {
		bad    bool
		reason Reason
	}{
		{skew(v.OldVersion, v.NewVersion) != "", because(VersionSkew, "%s runs Kubernetes %s and %s runs %s: %s",
			s.m.From.Cluster, orUnknown(v.OldVersion), cluster, orUnknown(v.NewVersion), skew(v.OldVersion, v.NewVersion))},
		{v.NodesReady == 0 || v.NodesReady*100 < v.Nodes*readyShare, because(NodesUnready, "%d of %s of %s are ready, and %d%% have to be",
			v.NodesReady, count(v.Nodes, "node"), cluster, readyShare)},
		{len(short) > 0, because(RoomShort, "%s has too little room for what will come: %s", cluster, strings.Join(short, "; "))},
		{len(unhealthy(v)) > 0, because(ReleaseUnhealthy, "infrastructure of %s is not healthy: %s", cluster, some(unhealthy(v)))},
		{len(v.Unserved) > 0, because(KindUnserved, "%s does not serve %s, which the services need", cluster, some(v.Unserved))},
		{len(v.Rejected) > 0, because(ObjectRejected, "%s would not take %s", cluster, some(rejected(v)))},
	}
	p := Progress{Total: len(checks)}
	for _, c := range checks {
		if c.bad {
			p.wait(c.reason, p.Until)
			continue
		}
		p.Done++
	}
	return p
}

// skew says what is wrong with the new cluster's version; "" if nothing is.
func skew(old, latest string) string {
	oldMajor, oldMinor, ok := minor(old)
	newMajor, newMinor, alsoOk := minor(latest)
	switch {
	case !ok || !alsoOk:
		return "they cannot be compared"
	case newMajor < oldMajor, newMajor == oldMajor && newMinor < oldMinor:
		return "the new cluster must not be older"
	case newMajor > oldMajor, newMinor > oldMinor+minorsAhead:
		return fmt.Sprintf("the new cluster may be at most %d minor versions ahead", minorsAhead)
	}
	return ""
}

// minor reads the major and minor number of a version such as v1.37.2-eks-1234 or v1.29+.
func minor(version string) (major, minor int, ok bool) {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) < 2 {
		return 0, 0, false
	}
	major, err := strconv.Atoi(parts[0])
	if err != nil {
		return 0, 0, false
	}
	minor, err = strconv.Atoi(strings.TrimSuffix(parts[1], "+"))
	return major, minor, err == nil
}

// shortage says of what the cluster has too little.
func shortage(free, needed evidence.Resources) []string {
	var out []string
	if needed.MilliCPU > free.MilliCPU {
		out = append(out, fmt.Sprintf("%s cores of CPU are asked for, and %s are free", cores(needed.MilliCPU), cores(free.MilliCPU)))
	}
	if needed.Memory > free.Memory {
		out = append(out, fmt.Sprintf("%s of memory are asked for, and %s are free", gibibytes(needed.Memory), gibibytes(free.Memory)))
	}
	if needed.Pods > free.Pods {
		out = append(out, fmt.Sprintf("%d Pods will come, and there is room for %d", needed.Pods, free.Pods))
	}
	return out
}

func cores(milli int64) string { return strconv.FormatFloat(float64(milli)/1000, 'f', -1, 64) }

func gibibytes(bytes int64) string { return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30)) }

func unhealthy(v evidence.Survey) []string {
	var out []string
	for _, r := range v.Releases {
		if !r.Healthy {
			out = append(out, fmt.Sprintf("%s/%s (%s)", r.Namespace, r.Name, r.Reason))
		}
	}
	return out
}

func rejected(v evidence.Survey) []string {
	var out []string
	for _, r := range v.Rejected {
		out = append(out, fmt.Sprintf("%s of %s (%s)", r.Object, r.Service, r.Reason))
	}
	return out
}

func orUnknown(version string) string {
	if version == "" {
		return "an unknown version"
	}
	return version
}
