// Package drift compares what git names with what a cluster holds and decides what to write. It performs nothing.
//
// Objects are compared by field ownership, as server-side apply sees it. A field that git names must have git's
// value. A field that we applied once and git no longer names must go. Every other field belongs to another
// writer (a default, a controller, a person) and is no drift. To ask for a field's default is therefore no
// protection against an edit: git must name the field.
//
// Decide gives the same answer for the same input, in the same order, whatever the order of the live objects.
// Obey it soon: the objects to apply carry the UID of the live object that was decided on, so the API server
// refuses them if that object was replaced meanwhile.
//
// Kinds of Kubernetes itself are compared with their schema, which knows that a list of containers is keyed by
// name. Kinds defined by a CRD have no schema here: their lists are compared as one value, so defaults that the
// server sets inside such a list would be reported for ever. No kind that the built-in charts render has any.
//
// Secrets never leave this package in a text: values are compared first, and masked in everything that is shown.
// Only Difference.Object, which is there to be applied, holds them.
package drift
