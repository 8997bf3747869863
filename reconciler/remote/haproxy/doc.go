// Package haproxy sets and reads the weights of a fleet of edge proxies (steps 14 and 15), through HAProxy's runtime API,
// the stats socket.
//
// The promise: a weight is raised at every proxy or at none. SetWeight asks every proxy before it raises one, reads back
// what it set over a new connection, and puts back what it raised when one of them fails. Lowering is done wherever it can
// be: traffic that has to go back does not wait for the last proxy. What is read is HAProxy's own word of one process,
// never mixed from two.
//
// The order: weights are absolute (0 to 256 for HAProxy; 100 in all for us), and both servers of a proxy change in one
// command line. A weight is a level, not an event: HAProxy forgets it at a reload, so the reconciler reads the fleet at
// each pass (Proxy.Started tells of the new process) and sets it again.
//
// The hazard: while SetWeight runs the proxies do not all split alike, and after failure.ErrTransient the fleet may
// have a weight that nobody wanted, where putting it back failed too. Read the fleet, then decide again.
//
// The runtime API is spoken here and not by haproxytech's client-native, which needs the proxies on its own machine: it
// dials Unix sockets only, on purpose (haproxytech/client-native, issue 109). It also has a fixed timeout of 30 seconds
// which nobody can cancel, tries each command a second time by itself, and takes an answer that broke off for a whole
// one (v6.2.4, runtime/runtime_single_client.go). What is left is small: a line out, text back, which encoding/csv reads.
// The commands are those of HAProxy's management guide, section 9.3, "Unix Socket commands".
package haproxy
