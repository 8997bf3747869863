// Package spel evaluates the part of Spring's expression language that pipeline templates use: literals, the
// names of the context, `.`, `?.`, `[..]`, comparisons, `and or not && || !`, `? :`, `?:`, `+`, and functions that
// the caller gives, such as #stage("name"). Anything else is an error, and Render leaves its text as it is, as
// Orca does.
//
// Text comes from people's pipelines, so work is bounded: a text's length, the depth of an expression and the
// length of a string that it builds.
package spel
