// Package labtest gives tests the lab: real servers on this machine, started once and shared.
//
//	func TestApply(t *testing.T) {
//		l := labtest.Get(t)
//		namespace := l.NewNamespace(t, labtest.New)
//		client, err := kubernetes.NewForConfig(l.REST(t, labtest.New))
//
// Get reads the description of a running lab from the file that the environment variable CUTOVER_LAB names; `cutover
// lab exec -- go test ./...` sets it, so that all test binaries share one lab. Without it, the first Get in a test
// binary starts a lab of its own, which stops when the test binary ends, however it ends.
//
// The lab is shared, so a test uses only what is its own: NewNamespace and NewRepository make things with unique names.
package labtest
