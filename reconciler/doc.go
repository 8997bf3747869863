// Package reconciler moves the world to where git says that it should stand.
//
// One pass reads the migration's branch into a desired state, observes git, Spinnaker and the clusters, lets
// package phase decide, and obeys: it performs the decision's actions, observes again and decides again, until
// nothing more can be done now. Then it puts right what drifted in the new cluster. A pass that finds the world
// as it should be writes nothing.
//
// The promise: every effect is safe to repeat, and is decided only from what was observed, so a process that dies
// anywhere loses nothing; the next pass looks again and goes on. The order: read, observe, decide, obey. The
// hazard: what is remembered between passes is only a cache of observations, dropped on every full pass; no
// decision may rest on memory alone.
//
// The outside world is behind the ports of ports.go. Adapters satisfy them without knowing this package.
package reconciler
