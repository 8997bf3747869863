// Package estate holds the nouns of a migration: products, services and their classes, stacks, clusters,
// charts and templates, the migration's specification, its phases and its marker.
//
// Everything here is plain data that was checked when it was made. A name can only be made by its Parse
// function, so code that receives one never checks it again. Nothing in this package reads or writes anything:
// package values makes an Estate from the files of a values repository.
package estate
