// Package record is what the journal remembers: the entry written before an effect and its result after it, and the few
// notes that cannot be observed. It holds no secrets: targets, reasons and keys name things, never their values.
package record
