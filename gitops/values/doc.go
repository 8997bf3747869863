// Package values turns the files of a values repository into an estate, and every mistake in them into a line
// that names its place.
//
// Reading is strict and total. All complaints of a revision come at once, each as "file:line: message"; what
// could be read is in the estate all the same, so that it can be shown. The hazard: an estate that came with
// problems is incomplete in ways that its nouns do not tell, so nothing may be written anywhere from it.
//
// What a file may hold is said once, by its JSON Schema (see Schema): the same text checks the file here,
// completes it in an editor and is its documentation. What no schema can say, such as that a stack names a
// cluster that exists, is checked here.
//
// The files come from people, so every step is bounded: file size, total size, number of entries, nesting,
// aliases, symbolic links.
package values
